import PostgresClient
import Synchronization
import TestSupport
import Testing

struct Boom: Error, Equatable {}

/// A schema with the table `t (x int PRIMARY KEY)`.
enum OneTable {
    static let insert: Statement = "INSERT INTO t VALUES ($1)"

    static func with(
        _ adjust: (inout PostgresSettings) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        try await TestDatabase.withSchema(adjust) { pool async throws in
            try await pool.execute("CREATE TABLE t (x int PRIMARY KEY)")
            try await body(pool)
        }
    }

    static func count(_ pool: PostgresPool) async throws -> Int {
        try await pool.query("SELECT count(*) FROM t").only().int(0)
    }

    /// A trigger that runs inside COMMIT.
    static func deferTrigger(_ action: StaticString, _ pool: PostgresPool) async throws {
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
