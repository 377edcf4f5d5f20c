import Determinism
import Logging
import PostgresClient
import ServiceLifecycle
import ServiceParts

/// Forgets keys whose time is over, a few at a time. Any number may run.
struct IdempotencyJanitor: Service {
    /// Rows deleted by one statement.
    var batchLimit = 500
    /// The pause once nothing old is left.
    var interval = Duration.seconds(600)
    let pool: PostgresPool
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let pause = await forgetBatch() ? Duration.milliseconds(100) : interval
                try? await time.sleep(for: pause / 2 + random.jitter(upTo: pause))
            }
        }
    }

    /// - Returns: whether there may be more to forget.
    private func forgetBatch() async -> Bool {
        do {
            // A key that is forgotten too early lets a request have its effect twice: by a clock that jumped, nothing is old.
            guard try await !SafeMode.isOn(on: pool) else { return false }
            return try await IdempotencyStore.forget(limit: batchLimit, on: pool) == batchLimit
        } catch {
            logger.warning("old idempotency keys could not be deleted", metadata: ["error": "\(error)"])
            return false
        }
    }
}

extension IdempotencyJanitor {
    init(_ surroundings: Surroundings) {
        self.init(
            pool: surroundings.pool,
            time: surroundings.time,
            random: surroundings.random,
            logger: surroundings.makeLogger("idempotency")
        )
    }
}
