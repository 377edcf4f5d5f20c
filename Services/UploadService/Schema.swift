import AccessTokens
import Determinism
import IdempotentInbox
import Leases
import Logging
import PostgresClient
import SagaEngine
import ServiceBootstrap
import ServiceLifecycle
import ServiceSettings
import TransactionalOutbox

/// The tables of this service's database.
enum Schema {
    /// Applied ones never change: a correction is a new migration at the end.
    static let migrations = [
        Migration(number: 1, name: "access_tokens", sql: TokenStore.schema),
        Migration(number: 2, name: "outbox", sql: OutboxSchema.version1),
        Migration(number: 3, name: "inbox", sql: InboxSchema.version1),
        Migration(number: 4, name: "sagas", sql: SagaSchema.version1),
        Migration(number: 5, name: "leases", sql: LeaseStore.schema),
        Migration(
            number: 6,
            name: "files",
            sql: String(decoding: PackageResources.m0001_files_sql, as: UTF8.self)
        ),
        Migration(number: 7, name: "parked_replay", sql: InboxSchema.version2),
        Migration(number: 8, name: "saga_trace", sql: SagaSchema.version2),
    ]
}

/// Holds the program to its schema. A database that is away is waited for; one of another version ends the program.
struct SchemaCheck: Service {
    let pool: PostgresPool
    let mayMigrate: Bool
    let health: HealthRegistry
    let time: any TimeSource
    let logger: Logger

    /// - Returns: false when the database did not answer.
    /// - Throws: `ConfigurationError` when it is not migrated, and may not be.
    func passes() async throws -> Bool {
        do {
            try await requireMigrated(
                Schema.migrations,
                on: pool,
                mayMigrate: mayMigrate,
                program: "UploadService"
            )
            health.markStarted()
            return true
        } catch MigrationError.database(let reason) where reason.isTransient {
            logger.warning("waiting for the database", metadata: ["error": "\(reason)"])
            return false
        }
    }

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled, !health.isStarted {
                if try await passes() { return }
                try? await time.sleep(for: .seconds(1))
            }
        }
    }
}
