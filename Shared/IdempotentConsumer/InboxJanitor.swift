public import Determinism
import IdempotentInbox
public import Logging
public import PostgresClient
public import ServiceLifecycle

/// Forgets which events were seen long ago, a few at a time, so that the inbox does not grow for ever.
///
/// What comes again later than that is caught by the offsets and the version fence. Any number may run.
public struct InboxJanitor: Service {
    private let keptDays: Int
    private let batchLimit: Int
    private let interval: Duration
    private let pool: PostgresPool
    private let time: any TimeSource
    private let random: any RandomSource
    private let logger: Logger

    /// - Parameters:
    ///   - batchLimit: rows deleted by one statement.
    ///   - interval: the pause once nothing old is left.
    public init(
        keptDays: Int = 7,
        batchLimit: Int = 500,
        interval: Duration = .seconds(600),
        pool: PostgresPool,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger
    ) {
        self.keptDays = keptDays
        self.batchLimit = batchLimit
        self.interval = interval
        self.pool = pool
        self.time = time
        self.random = random
        self.logger = logger
    }

    public func run() async throws {
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
            let count = try await InboxStore.forget(olderThanDays: keptDays, limit: batchLimit, on: pool)
            return count == batchLimit
        } catch {
            logger.warning("old inbox rows could not be deleted", metadata: ["error": "\(error)"])
            return false
        }
    }
}
