import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import Testing

struct Boom: Error, Equatable {}

@Suite("Postgres: the four endings of a transaction")
struct TransactionTests {
    private func withTable(
        _ adjust: (inout PostgresSettings) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        try await TestDatabase.withSchema(adjust) { pool async throws in
            try await pool.execute("CREATE TABLE t (x int PRIMARY KEY)")
            try await body(pool)
        }
    }

    private func count(_ pool: PostgresPool) async throws -> Int {
        try await pool.query("SELECT count(*) FROM t").only().int(0)
    }

    private let insert: Statement = "INSERT INTO t VALUES ($1)"

    @Test(arguments: Isolation.allCases)
    func whatReturnsIsCommittedAndHooksRunAfterwards(isolation: Isolation) async throws {
        try await withTable { pool async throws in
            let rung = Mutex(0)
            let level = try await pool.withTransaction(isolation: isolation) {
                (tx: borrowing Transaction) async throws in
                try await tx.execute(insert, 1)
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
            #expect(try await count(pool) == 1)
        }
    }

    @Test func whatThrowsIsRolledBack() async throws {
        try await withTable { pool async throws in
            let rung = Mutex(0)
            do throws(TransactionError<Boom>) {
                try await pool.withTransaction { (tx: borrowing Transaction) async throws(Boom) -> Void in
                    do { try await tx.execute(insert, 1) } catch { throw Boom() }
                    tx.afterCommit { rung.withLock { $0 += 1 } }
                    throw Boom()
                }
                Issue.record("must throw")
            } catch {
                #expect(error == .rolledBack(Boom()))
            }
            #expect(try await count(pool) == 0)
            #expect(rung.withLock { $0 } == 0)
            #expect(pool.statistics.open == 1 && pool.statistics.idle == 1)
        }
    }

    @Test func aSwallowedErrorIsARefusedCommit() async throws {
        try await withTable { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute(insert, 1)
                do { try await tx.execute("INSERT INTO nowhere VALUES (1)") } catch {}
            }
            guard case .commitRefused(.refused("25P02", _, _))? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(try await count(pool) == 0)
        }
    }

    @Test func aDeferredConstraintIsARefusedCommit() async throws {
        try await withTable { pool async throws in
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
        try await withTable { pool async throws in
            try await deferredTrigger("PERFORM pg_terminate_backend(pg_backend_pid())", pool)
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute(insert, 1)
            }
            guard case .commitOutcomeUnknown(.connectionLost)? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(try await count(pool) == 0)
        }
    }

    @Test func aCancelledTaskWaitsForACommitUnderWay() async throws {
        try await withTable { pool async throws in
            try await deferredTrigger("PERFORM pg_sleep(0.5)", pool)
            let task = Task {
                try await pool.withTransaction {
                    (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                    try await tx.execute("INSERT INTO t VALUES (1)")
                }
            }
            try await untilRunning("COMMIT", in: pool)
            task.cancel()
            try await task.value
            #expect(try await count(pool) == 1)
        }
    }

    @Test func aBackendKilledInTheMiddleRollsBack() async throws {
        try await withTable { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                let pid = try await tx.query("INSERT INTO t VALUES (1) RETURNING pg_backend_pid()").only()
                    .int(0)
                try await pool.execute("SELECT pg_terminate_backend($1)", pid)
                try await tx.execute(insert, 2)
            }
            guard case .rolledBack(.connectionLost)? = error else { Issue.record("\(error as Any)"); return }
            #expect(try await count(pool) == 0)
        }
    }

    @Test func aLostConnectionSwallowedByTheBodyIsNotACommit() async throws {
        try await withTable { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute(insert, 1)
                do { try await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())") } catch {}
            }
            guard case .commitRefused(.connectionLost)? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(try await count(pool) == 0)
        }
    }

    @Test func aBodyCannotEndItsTransactionUnnoticed() async throws {
        try await withTable { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute("ROLLBACK")
                try await tx.execute(insert, 1)
            }
            guard case .rolledBack(.unexpectedResult)? = error else {
                Issue.record("\(error as Any)"); return
            }
            #expect(try await count(pool) == 0)
        }
    }

    @Test func cancellationBetweenStatementsCommitsNothing() async throws {
        try await withTable { pool async throws in
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
            #expect(try await count(pool) == 0)
        }
    }

    @Test func aPipelineAnswersEachStatement() async throws {
        try await withTable { pool async throws in
            let counts = try await pool.withTransaction { (tx: borrowing Transaction) async throws in
                try await tx.pipeline([
                    BoundStatement("INSERT INTO t SELECT generate_series(1, 5)"),
                    BoundStatement("DELETE FROM t WHERE x > $1", 3),
                    BoundStatement("SELECT x FROM t ORDER BY x"),
                ])
            }
            #expect(counts.map(\.affectedRowCount) == [5, 2, 3])
            #expect(counts.map(\.commandTag) == ["INSERT 0 5", "DELETE 2", "SELECT 3"])
        }
    }

    @Test func conflictsRunAgainUntilTheyPass() async throws {
        try await withTable { pool async throws in
            try await pool.execute("INSERT INTO t VALUES (0)")
            let runs = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<10 {
                            try await pool.withRetriedTransaction(attemptLimit: 100, isolation: .serializable)
                            {
                                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                                runs.add()
                                let x = try await tx.query("SELECT x FROM t").only().int(0)
                                try await tx.execute("UPDATE t SET x = $1", x + 1)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.query("SELECT x FROM t").only().int(0) == 40)
            #expect(runs.count > 40)
        }
    }

    @Test func otherErrorsAreNotRepeated() async throws {
        try await withTable { pool async throws in
            let runCount = Mutex(0)
            do throws(TransactionError<DatabaseError>) {
                try await pool.withRetriedTransaction {
                    (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                    runCount.withLock { $0 += 1 }
                    try await tx.execute("SELECT 1/0")
                }
            } catch { #expect(error.databaseError?.isTransient == false) }
            #expect(runCount.withLock { $0 } == 1)
        }
    }

    /// A trigger that runs inside COMMIT.
    private func deferredTrigger(_ action: StaticString, _ pool: PostgresPool) async throws {
        let migration = Migration(
            number: 1,
            name: "trigger",
            sql: """
                CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \(action); RETURN NULL; END$$;
                CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION at_commit();
                """
        )
        try await Migrator.migrate([migration], on: pool)
    }
}

/// Counts across tasks.
final class Tally: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func add() { value.withLock { $0 += 1 } }
}

/// How a transaction ended; nil when it committed.
func ending(
    _ pool: PostgresPool,
    _ body: (borrowing Transaction) async throws(DatabaseError) -> Void
) async -> TransactionError<DatabaseError>? {
    do throws(TransactionError<DatabaseError>) {
        try await pool.withTransaction(body)
        return nil
    } catch { return error }
}

/// Waits until a session of this pool's schema runs a statement that starts so.
func untilRunning(_ start: String, in pool: PostgresPool) async throws {
    try await eventually("\(start) running") {
        try await pool.query(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE state = 'active' AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()
              AND starts_with(query, $1)
            """,
            start
        ).only().int(0) > 0
    }
}
