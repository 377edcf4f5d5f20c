import PostgresClient
import Synchronization
import TestSupport
import Testing

@Suite("Postgres: the four endings of a transaction")
struct TransactionTests {
    @Test(arguments: Isolation.allCases)
    func whatReturnsIsCommittedAndHooksRunAfterwards(isolation: Isolation) async throws {
        try await OneTable.with { pool async throws in
            let rung = Mutex(0)
            let level = try await pool.withTransaction(isolation: isolation) {
                (tx: borrowing Transaction) async throws in
                try await tx.execute(OneTable.insert, 1)
                tx.afterCommit { rung.withLock { $0 += 1 } }
                #expect(rung.withLock { $0 } == 0)
                return try await tx.query("SELECT current_setting('transaction_isolation')").only().text(0)
            }
            let expected = [
                Isolation.readCommitted: "read committed", .repeatableRead: "repeatable read",
                .serializable: "serializable",
            ]
            #expect(level == expected[isolation])
            #expect(rung.withLock { $0 } == 1)
            #expect(try await OneTable.count(pool) == 1)
        }
    }

    @Test func whatThrowsIsRolledBack() async throws {
        try await OneTable.with { pool async throws in
            let rung = Mutex(0)
            do throws(TransactionError<Boom>) {
                try await pool.withTransaction { (tx: borrowing Transaction) async throws(Boom) -> Void in
                    do { try await tx.execute(OneTable.insert, 1) } catch { throw Boom() }
                    tx.afterCommit { rung.withLock { $0 += 1 } }
                    throw Boom()
                }
                Issue.record("must throw")
            } catch {
                #expect(error == .rolledBack(Boom()))
            }
            #expect(try await OneTable.count(pool) == 0)
            #expect(rung.withLock { $0 } == 0)
            #expect(pool.statistics.open == 1 && pool.statistics.idle == 1)
        }
    }

    @Test func aSwallowedErrorIsARefusedCommit() async throws {
        try await OneTable.with { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute(OneTable.insert, 1)
                do { try await tx.execute("INSERT INTO nowhere VALUES (1)") } catch {}
            }
            guard case .commitRefused(.refused("25P02", _, _))? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(try await OneTable.count(pool) == 0)
        }
    }

    @Test func aDeferredConstraintIsARefusedCommit() async throws {
        try await OneTable.with { pool async throws in
            try await pool.execute(
                "CREATE TABLE child (x int CONSTRAINT to_t REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
            )
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute("INSERT INTO child VALUES (7)")
            }
            guard case .commitRefused(.refused("23503", _, "to_t"))? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(pool.statistics.idle == 1)
        }
    }

    @Test func aConnectionLostInCommitIsAnUnknownOutcome() async throws {
        try await OneTable.with { pool async throws in
            try await OneTable.deferTrigger("PERFORM pg_terminate_backend(pg_backend_pid())", pool)
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute(OneTable.insert, 1)
            }
            guard case .commitOutcomeUnknown(.connectionLost)? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(try await OneTable.count(pool) == 0)
        }
    }

    @Test func aCancelledTaskWaitsForACommitUnderWay() async throws {
        try await OneTable.with { pool async throws in
            try await OneTable.deferTrigger("PERFORM pg_sleep(0.5)", pool)
            let task = Task {
                try await pool.withTransaction {
                    (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                    try await tx.execute("INSERT INTO t VALUES (1)")
                }
            }
            try await untilRunning("COMMIT", in: pool)
            task.cancel()
            try await task.value
            #expect(try await OneTable.count(pool) == 1)
        }
    }

    @Test func aBackendKilledInTheMiddleRollsBack() async throws {
        try await OneTable.with { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                let pid = try await tx.query("INSERT INTO t VALUES (1) RETURNING pg_backend_pid()").only()
                    .int(0)
                try await pool.execute("SELECT pg_terminate_backend($1)", pid)
                try await tx.execute(OneTable.insert, 2)
            }
            guard case .rolledBack(.connectionLost)? = error else { Issue.record("\(error as Any)"); return }
            #expect(try await OneTable.count(pool) == 0)
        }
    }

    @Test func aLostConnectionSwallowedByTheBodyIsNotACommit() async throws {
        try await OneTable.with { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute(OneTable.insert, 1)
                do { try await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())") } catch {}
            }
            guard case .commitRefused(.connectionLost)? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(try await OneTable.count(pool) == 0)
        }
    }

    @Test func aBodyCannotEndItsTransactionUnnoticed() async throws {
        try await OneTable.with { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute("ROLLBACK")
                try await tx.execute(OneTable.insert, 1)
            }
            guard case .rolledBack(.unexpectedResult)? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(try await OneTable.count(pool) == 0)
        }
    }

    @Test func cancellationBetweenStatementsCommitsNothing() async throws {
        try await OneTable.with { pool async throws in
            let task = Task {
                try await pool.withTransaction {
                    (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                    try await tx.execute("INSERT INTO t VALUES (1)")
                    withUnsafeCurrentTask { $0?.cancel() }
                }
            }
            guard case .failure(let error as TransactionError<DatabaseError>) = await task.result else {
                Issue.record("must not commit")
                return
            }
            #expect(error == .commitRefused(.cancelled))
            #expect(try await OneTable.count(pool) == 0)
        }
    }
}
