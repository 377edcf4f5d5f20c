public import Determinism
public import Logging
public import PostgresClient
public import ServiceBootstrap
public import ServiceLifecycle
import ServiceSettings

/// Holds a program to its schema. A database that is away is waited for; one of another version ends the program.
public struct SchemaCheck: Service {
    private let migrations: [Migration]
    private let program: String
    private let pool: PostgresPool
    private let mayMigrate: Bool
    private let health: HealthRegistry
    private let time: any TimeSource
    private let logger: Logger

    /// - Parameter mayMigrate: whether it brings the database to the schema itself.
    public init(
        _ migrations: [Migration],
        program: String,
        pool: PostgresPool,
        mayMigrate: Bool,
        health: HealthRegistry,
        time: any TimeSource,
        logger: Logger
    ) {
        self.migrations = migrations
        self.program = program
        self.pool = pool
        self.mayMigrate = mayMigrate
        self.health = health
        self.time = time
        self.logger = logger
    }

    /// Marks the program as started when the schema is right.
    ///
    /// - Returns: false when the database did not answer.
    /// - Throws: `ConfigurationError` when it is not migrated, and may not be.
    public func passes() async throws -> Bool {
        do {
            try await requireMigrated(migrations, on: pool, mayMigrate: mayMigrate, program: program)
            health.markStarted()
            return true
        } catch MigrationError.database(let reason) where reason.isTransient {
            logger.warning("waiting for the database", metadata: ["error": "\(reason)"])
            return false
        }
    }

    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled, !health.isStarted {
                if try await passes() { return }
                try? await time.sleep(for: .seconds(1))
            }
        }
    }
}
