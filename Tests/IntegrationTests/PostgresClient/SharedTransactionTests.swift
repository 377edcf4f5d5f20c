import Synchronization
import TestSupport
import Testing

@testable import PostgresClient

@Suite("Postgres: the wishes of a moment in one transaction")
struct SharedTransactionTests {
    private typealias Insertions = SharedTransaction<String, Int, String>
    private typealias Outcome = Result<String, TransactionError<any Error>>

    /// Inserts `x` for each wish and tells the transaction's number.
    private static func insert(_ wishes: [Int], _ tx: borrowing Transaction) async throws -> [String] {
        for wish in wishes { try tx.enqueue(OneTable.insert, wish) }
        let number = try await tx.query("SELECT pg_current_xact_id()::text").only().text(0)
        return wishes.map { _ in number }
    }

    private static func with(
        lockLimit: Duration = .seconds(30),
        _ body: (PostgresPool, Insertions) async throws -> Void
    ) async throws {
        try await OneTable.with {
            $0.connectionLimit = 6
            $0.idleLimit = .seconds(60)
            $0.statementTimeout = .seconds(60)
        } _: { pool in
            let insertions = Insertions(on: pool, lockLimit: lockLimit, work: insert)
            try await body(pool, insertions)
            try await eventually("no group is remembered") { insertions.groupCount == 0 }
        }
    }

    /// Has both lanes wait for a lock, one with each of `lanes`.
    private static func occupy(_ lanes: [Int], _ insertions: Insertions, _ pool: PostgresPool) async throws
        -> Task<[Outcome], Never>
    {
        let first = Task { await outcomes([lanes[0]], insertions) }
        try await untilLocked(1, pool)
        let second = Task { await outcomes([lanes[1]], insertions) }
        try await untilLocked(2, pool)
        return Task { await first.value + second.value }
    }

    /// Has both lanes wait for the table, and all of `wishes` wait behind them, before the table is free.
    private static func together(
        _ wishes: [Int],
        _ insertions: Insertions,
        _ pool: PostgresPool
    ) async throws -> [Outcome] {
        try await pool.withTransaction {
            (tx: borrowing Transaction) async throws -> Task<[Outcome], Never> in
            try await tx.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            let lanes = try await occupy([-1, -2], insertions, pool)
            let others = Task { await outcomes(wishes, insertions) }
            try await eventually("all stand in line") { insertions.waitingCount(of: "a") == wishes.count }
            return Task { await lanes.value + others.value }
        }.value
    }

    private static func outcomes(
        _ wishes: [Int],
        _ insertions: Insertions
    ) async -> [Outcome] {
        await withTaskGroup(of: (Int, Outcome).self) { group in
            for (index, wish) in wishes.enumerated() {
                group.addTask {
                    do throws(TransactionError<any Error>) {
                        return (index, .success(try await insertions.commit(wish, of: "a")))
                    } catch { return (index, .failure(error)) }
                }
            }
            var outcomes: [Int: Outcome] = [:]
            for await (index, outcome) in group { outcomes[index] = outcome }
            return wishes.indices.compactMap { outcomes[$0] }
        }
    }

    private static func untilLocked(_ count: Int, _ pool: PostgresPool) async throws {
        try await eventually("\(count) wait for a lock") {
            try await pool.query(
                """
                SELECT count(*) FROM pg_stat_activity
                 WHERE application_name = current_setting('application_name') AND wait_event_type = 'Lock'
                """
            ).only().int(0) == count
        }
    }

    private static func isGranted(_ outcome: Outcome) -> Bool { (try? outcome.get()) != nil }

    private static func rows(_ pool: PostgresPool) async throws -> [Int] {
        try await pool.query("SELECT x FROM t ORDER BY x").map { try $0.int(0) }
    }

    @Test func whatComesWhileTheLanesAreTakenIsOneTransaction() async throws {
        try await Self.with { pool, insertions in
            let numbers = try await Self.together([1, 2, 3, 4, 5], insertions, pool).map { try $0.get() }
            #expect(Set(numbers.suffix(5)).count == 1)
            #expect(Set(numbers).count == 3)
            #expect(try await Self.rows(pool) == [-2, -1, 1, 2, 3, 4, 5])
        }
    }

    @Test func oneThatIsRefusedDoesNotKeepTheOthers() async throws {
        try await Self.with { pool, insertions in
            try await pool.execute(OneTable.insert, 3)
            let outcomes = try await Self.together([1, 2, 3, 4], insertions, pool)
            #expect(outcomes.map(Self.isGranted) == [true, true, true, true, false, true])
            let refusals = outcomes.compactMap { outcome -> Bool? in
                guard case .failure(let failure) = outcome else { return nil }
                return failure.databaseError?.isUniqueViolation
            }
            #expect(refusals == [true])
            #expect(try await Self.rows(pool) == [-2, -1, 1, 2, 3, 4])
        }
    }

    /// What a transaction of many does that is not tried again.
    @Test func withoutASecondTryOneKeepsAll() async throws {
        try await Self.with { pool, _ in
            try await pool.execute(OneTable.insert, 3)
            await #expect(throws: TransactionError<any Error>.self) {
                try await pool.withTransaction { (tx: borrowing Transaction) async throws -> [String] in
                    try await Self.insert([1, 2, 3, 4], tx)
                }
            }
            #expect(try await Self.rows(pool) == [3])
        }
    }

    /// Neither one that has a lane for itself, nor one of many.
    @Test func oneThatWaitsForALockDoesNotKeepTheOthers() async throws {
        try await Self.with(lockLimit: .milliseconds(100)) { pool, insertions in
            let waiting = try await pool.withTransaction {
                (tx: borrowing Transaction) async throws -> Task<[Outcome], Never> in
                try await tx.execute(OneTable.insert, 3)
                let waiting = Task { await Self.outcomes([3, 1, 2, 3, 4, 5], insertions) }
                try await eventually("the others are there") { try await Self.rows(pool) == [1, 2, 4, 5] }
                return waiting
            }
            #expect(await waiting.value.map(Self.isGranted) == [false, true, true, false, true, true])
            #expect(try await Self.rows(pool) == [1, 2, 3, 4, 5])
        }
    }

    /// What a transaction of many does that waits as long as it may.
    @Test func withoutALimitOneKeepsAll() async throws {
        try await Self.with { pool, insertions in
            let waiting = try await pool.withTransaction {
                (tx: borrowing Transaction) async throws -> Task<[Outcome], Never> in
                try await tx.execute(OneTable.insert, 3)
                let lanes = try await Self.occupy([3, 3], insertions, pool)
                let others = Task { await Self.outcomes([1, 2], insertions) }
                try await eventually("both stand in line") { insertions.waitingCount(of: "a") == 2 }
                _ = try await insertions.commit(4, of: "b")
                #expect(insertions.waitingCount(of: "a") == 2)
                return Task { await lanes.value + others.value }
            }
            #expect(await waiting.value.map(Self.isGranted) == [false, false, true, true])
        }
    }

    /// Nobody knows whether it was, so nobody tries again.
    @Test func anUnansweredCommitIsToldToAll() async throws {
        try await Self.with { pool, insertions in
            try await OneTable.deferTrigger("PERFORM pg_terminate_backend(pg_backend_pid())", pool)
            let outcomes = try await Self.together([1, 2, 3], insertions, pool)
            let unknownCount = outcomes.count { outcome in
                guard case .failure(.commitOutcomeUnknown) = outcome else { return false }
                return true
            }
            #expect(unknownCount == 5)
            #expect(try await Self.rows(pool) == [])
        }
    }

    @Test func groupsDoNotWaitForEachOther() async throws {
        try await Self.with { pool, insertions in
            let waiting = try await pool.withTransaction {
                (tx: borrowing Transaction) async throws -> Task<[Outcome], Never> in
                try await tx.execute(OneTable.insert, 1)
                let waiting = try await Self.occupy([1, 1], insertions, pool)
                _ = try await insertions.commit(2, of: "b")
                try await tx.execute("DELETE FROM t WHERE x = 1")
                return waiting
            }
            let outcomes = await waiting.value
            #expect(outcomes.count(where: Self.isGranted) == 1)
            #expect(try await Self.rows(pool) == [1, 2])
        }
    }

    @Test func aCallerThatIsCancelledWhileItWaitsGetsItsAnswer() async throws {
        try await Self.with { pool, insertions in
            let caller = try await pool.withTransaction {
                (tx: borrowing Transaction) async throws -> Task<String, any Error> in
                try await tx.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
                let caller = Task { try await insertions.commit(1, of: "a") }
                try await Self.untilLocked(1, pool)
                caller.cancel()
                return caller
            }
            _ = try await caller.value
            #expect(try await Self.rows(pool) == [1])
            let late = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await insertions.commit(2, of: "a")
            }
            await #expect(throws: TransactionError<any Error>.self) { try await late.value }
            #expect(try await Self.rows(pool) == [1])
        }
    }

    @Test func aWishWithoutAValueIsNotKept() async throws {
        try await Self.with { pool, _ in
            let careless = Insertions(on: pool) { wishes, tx in
                Array(try await Self.insert(wishes, tx).dropLast())
            }
            await #expect(throws: TransactionError<any Error>.self) { try await careless.commit(1, of: "a") }
            let rows = try await Self.rows(pool)
            #expect(rows == [])
        }
    }

    @Test func wishesAreGrantedInOrder() async throws {
        try await Self.with { pool, _ in
            let granted = Mutex<[[Int]]>([])
            let ordered = Insertions(on: pool, lockLimit: .seconds(30), inOrder: <) { wishes, tx in
                granted.withLock { $0.append(wishes) }
                return try await Self.insert(wishes, tx)
            }
            let outcomes = try await Self.together([5, 1, 4, 2, 3], ordered, pool)
            #expect(outcomes.allSatisfy(Self.isGranted))
            #expect(granted.withLock { $0.last } == [1, 2, 3, 4, 5])
        }
    }
}
