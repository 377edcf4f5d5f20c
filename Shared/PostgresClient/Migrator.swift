internal import CLibpq
internal import Determinism

/// Brings a database's schema to what the program needs. Several programs may start at once: one applies, the others wait and find it done.
public enum Migrator {
    /// Applies what is pending, each migration in a transaction of its own, under an advisory lock of the schema.
    ///
    /// - Parameters:
    ///   - migrations: in order, numbered from 1.
    ///   - statementLimit: for each migration, the wait for the lock included.
    /// - Returns: those applied now.
    /// - Throws: `.changed`, `.missing`, `.databaseNewer` before anything is touched; `.failed` leaves the ones before it applied.
    @discardableResult
    public static func migrate(
        _ migrations: [Migration],
        on pool: PostgresPool,
        statementLimit: Duration = .seconds(600)
    ) async throws(MigrationError) -> [Migration] {
        var done: [Migration] = []
        while let next = try await applyNext(migrations, on: pool, statementLimit) { done.append(next) }
        return done
    }

    /// Compares without changing anything.
    public static func status(
        _ migrations: [Migration],
        on pool: PostgresPool
    ) async throws(MigrationError) -> [MigrationStatus] {
        do throws(DatabaseError) {
            guard try await pool.query(MigrationStore.tableExists).only().bool(0) else {
                return MigrationPlan.status(migrations, applied: [])
            }
            let rows = try await pool.query(
                MigrationStore.applied,
                migrations.map { Int32(clamping: $0.number) },
                migrations.map(\.sql)
            )
            return MigrationPlan.status(migrations, applied: try MigrationStore.read(rows))
        } catch { throw .database(error) }
    }

    /// One transaction: lock, compare, apply the first that is pending, record it.
    private static func applyNext(
        _ migrations: [Migration],
        on pool: PostgresPool,
        _ limit: Duration
    ) async throws(MigrationError) -> Migration? {
        do {
            return try await pool.withTransaction {
                (tx: borrowing Transaction) async throws(MigrationError) -> Migration? in
                let rows: Rows
                do throws(DatabaseError) {
                    rows = try await MigrationStore.lockAndRead(migrations, limit, in: tx)
                } catch { throw .database(error) }
                let applied: [AppliedMigration]
                do throws(DatabaseError) { applied = try MigrationStore.read(rows) } catch {
                    throw .database(error)
                }
                guard let next = try MigrationPlan.pending(migrations, applied: applied).first else {
                    return nil
                }
                do throws(DatabaseError) {
                    try await MigrationStore.apply(next, limit, in: tx)
                } catch { throw .failed(number: next.number, name: next.name, error) }
                return next
            }
        } catch {
            switch error {
            case .rolledBack(let failure): throw failure
            case .notStarted(let error), .commitRefused(let error), .commitOutcomeUnknown(let error):
                throw .database(error)
            }
        }
    }
}

/// Every statement on schema_migrations.
enum MigrationStore {
    static let tableExists: Statement = "SELECT to_regclass('schema_migrations') IS NOT NULL"
    static let applied: Statement = """
        SELECT m.number, m.name, m.applied_at,
               given.sql IS NULL OR m.checksum = sha256(convert_to(given.sql, 'UTF8'))
        FROM schema_migrations m
        LEFT JOIN unnest($1::integer[], $2::text[]) AS given(number, sql) ON given.number = m.number
        ORDER BY m.number
        """
    private static let noTimeout: Statement = "SET LOCAL statement_timeout = 0"
    private static let lock: Statement = """
        SELECT pg_advisory_xact_lock(hashtextextended('schema_migrations of ' || current_schema(), 0))
        """
    private static let createTable: Statement = """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            number integer PRIMARY KEY CHECK (number > 0),
            name text NOT NULL,
            checksum bytea NOT NULL CHECK (octet_length(checksum) = 32),
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    private static let record: Statement = """
        INSERT INTO schema_migrations (number, name, checksum)
        VALUES ($1, $2, sha256(convert_to($3, 'UTF8')))
        """
    private static let transactionID: Statement = "SELECT pg_current_xact_id()"

    static func lockAndRead(
        _ migrations: [Migration],
        _ limit: Duration,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Rows {
        try await tx.pipeline([BoundStatement(noTimeout), BoundStatement(lock)], limit: limit)
        try await tx.execute(createTable)
        return try await tx.query(
            applied,
            migrations.map { Int32(clamping: $0.number) },
            migrations.map(\.sql)
        )
    }

    /// The record comes first, so that a migration that ends the transaction itself is found out by the change of its id.
    static func apply(
        _ migration: Migration,
        _ limit: Duration,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(record, migration.number, migration.name, migration.sql)
        let before = try await tx.query(transactionID).only().text(0)
        try await tx.runScript(migration.sql, limit: limit)
        let after = try await tx.query(transactionID).only().text(0)
        guard before == after else {
            throw .unexpectedResult(
                "the migration ended its transaction; it must not contain COMMIT or ROLLBACK"
            )
        }
    }

    static func read(_ rows: Rows) throws(DatabaseError) -> [AppliedMigration] {
        var applied: [AppliedMigration] = []
        for row in rows {
            applied.append(
                AppliedMigration(
                    number: try row.int(0),
                    name: try row.text(1),
                    isUnchanged: try row.bool(3),
                    appliedAt: try row.timestamp(2)
                )
            )
        }
        return applied
    }
}
