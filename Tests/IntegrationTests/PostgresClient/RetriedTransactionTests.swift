import PostgresClient
import Synchronization
import TestSupport
import Testing

@Suite("Postgres: what runs in a transaction, and runs again")
struct RetriedTransactionTests {
    @Test func aPipelineAnswersEachStatement() async throws {
        try await OneTable.with { pool async throws in
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
        try await OneTable.with { pool async throws in
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
        try await OneTable.with { pool async throws in
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
}
