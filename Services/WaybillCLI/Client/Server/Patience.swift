import Determinism
import SagaEngine

/// How long work goes on that keeps failing, and how long it pauses each time: exponential backoff with full jitter, or
/// as long as the server asked for.
struct Patience: Sendable {
    /// How long nothing at all may succeed.
    let limit: Duration
    private let backoff = Backoff(base: .milliseconds(250), limit: .seconds(15))
    private var failureCount = 0
    private var failingSince: Duration?

    /// So many failures are not yet a verdict, however long each of them took.
    private static let fewFailures = 3

    init(limit: Duration) { self.limit = limit }

    mutating func succeeded() {
        failureCount = 0
        failingSince = nil
    }

    /// - Parameters:
    ///   - attemptCount: failures of this one piece of work before this one.
    ///   - uptime: now.
    /// - Returns: how long to wait before the next attempt; nil when it is time to give up.
    mutating func pause(
        after failure: ClientFailure,
        attemptCount: Int,
        at uptime: Duration,
        _ random: any RandomSource
    ) -> Duration? {
        guard failure.isTransient else { return nil }
        failureCount += 1
        let since = failingSince ?? uptime
        failingSince = since
        if let asked = failure.retryAfter, asked > limit { return nil }
        let pause = max(backoff.pause(after: attemptCount, random), failure.retryAfter ?? .zero)
        let isOver = uptime + pause - since > limit
        return isOver && failureCount >= Self.fewFailures ? nil : pause
    }
}
