internal import Determinism
internal import Logging
public import PostgresClient
public import ServiceBootstrap
public import ServiceLifecycle

/// Holds a program to its schema. A database that is away is waited for; one of another version ends the program.
public struct SchemaCheck: Service {
    private let migrations: [Migration]
    private let pool: PostgresPool
    private let mayMigrate: Bool
    private let program: String
    private let frame: ProgramFrame

    public init(
        _ migrations: [Migration],
        on pool: PostgresPool,
        mayMigrate: Bool,
        program: String,
        _ frame: ProgramFrame
    ) {
        self.migrations = migrations
        self.pool = pool
        self.mayMigrate = mayMigrate
        self.program = program
        self.frame = frame
    }

    /// Marks the program as started when its schema is right.
    ///
    /// - Returns: false when the database did not answer.
    /// - Throws: `ConfigurationError` when it is not migrated, and may not be.
    public func passes() async throws -> Bool {
        do {
            try await requireMigrated(migrations, on: pool, mayMigrate: mayMigrate, program: program)
            frame.health.markStarted()
            return true
        } catch MigrationError.database(let reason) where reason.isTransient {
            frame.logger.warning("waiting for the database", metadata: ["error": "\(reason)"])
            return false
        }
    }

    /// Looks every second until the schema is right.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled, !frame.health.isStarted {
                if try await passes() { return }
                try? await frame.time.sleep(for: .seconds(1))
            }
        }
    }
}
