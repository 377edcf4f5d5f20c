internal import Determinism
internal import Glibc
internal import Logging
public import PostgresClient
internal import ServiceBootstrap

/// The PostgreSQL that tests use. Each test gets a schema of its own, so tests run in parallel and leave nothing behind.
public enum TestDatabase {
    /// The environment names no server. Tests that need one fail; they are never skipped.
    public struct Missing: Error, CustomStringConvertible {
        public let description = """
            WAYBILL_TEST_DATABASE is not set: these tests need a PostgreSQL. \
            Run deploy/test, which starts one, or set it to a libpq URI.
            """
    }

    /// How long a test waits for a connection that is not its subject: others may have the processors.
    public static let patience: Duration = .seconds(30)

    /// The server's libpq URI.
    public static func url() throws -> String {
        guard let value = getenv("WAYBILL_TEST_DATABASE"), value.pointee != 0 else { throw Missing() }
        return String(cString: value)
    }

    /// Settings for the server, with an unused schema name (also part of the application name). The schema is not created.
    public static func settings() throws -> PostgresSettings {
        let schema = "t_" + String(SystemRandom().nextUInt64(), radix: 36)
        var settings = PostgresSettings(conninfo: try url(), applicationName: "waybill-\(schema)")
        settings.schema = schema
        settings.leaseWaitLimit = patience
        settings.connectTimeout = patience
        return settings
    }

    public static func makePool(_ settings: PostgresSettings) -> PostgresPool {
        PostgresPool(
            settings,
            time: SystemTime(),
            random: SystemRandom(),
            logger: Logger(label: "test.postgres") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Creates a schema, lends a pool whose `search_path` it is, closes the pool and drops the schema, however `body` ends.
    ///
    /// - Parameter adjust: changes settings before the pool is made.
    @discardableResult
    public static func withSchema<Value: Sendable>(
        _ adjust: (inout PostgresSettings) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        var settings = try settings()
        adjust(&settings)
        var keeperSettings = settings
        keeperSettings.connectionLimit = 1
        keeperSettings.leaseWaitLimit = patience
        keeperSettings.statementTimeout = .seconds(30)
        let keeper = makePool(keeperSettings)
        _ = try await keeper.pipeline([
            BoundStatement(nameSchema, settings.schema), BoundStatement(createSchema),
        ])
        let pool = makePool(settings)
        do {
            let value = try await body(pool)
            await end(pool, keeper, settings)
            return value
        } catch {
            await end(pool, keeper, settings)
            throw error
        }
    }

    private static func end(_ pool: PostgresPool, _ keeper: PostgresPool, _ settings: PostgresSettings) async
    {
        await pool.close()
        // Best effort: a left-over schema hurts nobody, and the test's own failure matters more.
        _ = try? await keeper.pipeline([
            BoundStatement(nameSchema, settings.schema), BoundStatement(dropSchema),
        ])
        await keeper.close()
    }

    /// DDL takes no parameters, so the name goes through a setting of the transaction and `format('%I')`.
    private static let nameSchema: Statement = "SELECT set_config('waybill.test_schema', $1, true)"
    private static let createSchema: Statement = """
        DO $$BEGIN EXECUTE format('CREATE SCHEMA %I', current_setting('waybill.test_schema')); END$$
        """
    private static let dropSchema: Statement = """
        DO $$BEGIN EXECUTE format('DROP SCHEMA %I CASCADE', current_setting('waybill.test_schema')); END$$
        """
}
