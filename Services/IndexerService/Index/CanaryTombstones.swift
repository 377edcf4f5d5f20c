import AccessTokens
import Determinism
import EventContracts
import Logging
import PostgresClient
import ServiceLifecycle

/// Forgets tombstones of the canary's files, of which there is one a minute, a few at a time. Those of users' files stay. Any number may run.
///
/// A topic that is read again from its beginning makes some of them anew, up to their end.
struct CanaryTombstones: Service {
    /// Longer than the service is ever behind.
    static let age: Duration = .seconds(30 * 86_400)

    let pool: PostgresPool
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger

    private let batchLimit = 500
    private let interval: Duration = .seconds(3_600)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                var isMore = false
                do {
                    isMore = try await forgetBatch() == batchLimit
                } catch {
                    logger.warning("old canaries could not be forgotten", metadata: ["error": "\(error)"])
                }
                let pause = isMore ? .milliseconds(100) : interval
                try? await time.sleep(for: pause / 2 + random.jitter(upTo: pause))
            }
        }
    }

    /// - Returns: how many.
    func forgetBatch(after age: Duration = Self.age) async throws(DatabaseError) -> Int {
        try await DocumentStore.forget(
            tenant: CanaryTenant.name,
            after: age,
            limit: batchLimit,
            on: pool
        )
    }
}
