import PostgresClient
import TestSupport
import Testing

@Suite("Postgres: a client that is frozen or cut off")
struct SilentClientTests {
    @Test func aTransactionWhoseClientIsSilentLetsItsLocksGo() async throws {
        try await TestDatabase.withSchema({ $0.idleLimit = .milliseconds(300) }) { pool async throws in
            try await pool.execute("CREATE TABLE t AS SELECT 1 AS x")
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute("UPDATE t SET x = 2")
                do {
                    try await eventually("the row is free") {
                        try await pool.query("SELECT 1 FROM t FOR UPDATE NOWAIT").count == 1
                    }
                } catch { Issue.record(error) }
                try await tx.execute("UPDATE t SET x = 3")
            }
            guard case .rolledBack? = error else { Issue.record("\(error as Any)"); return }
            #expect(try await pool.query("SELECT x FROM t").only().int(0) == 1)
        }
    }
}
