public import Determinism

/// Exponential backoff with full jitter.
///
/// Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
public struct Backoff: Sendable {
    public let base: Duration
    public let limit: Duration

    public init(base: Duration = .milliseconds(500), limit: Duration = .seconds(20)) {
        self.base = base
        self.limit = limit
    }

    /// - Parameter attemptCount: failures so far; 0 for the first.
    public func pause(after attemptCount: Int, _ random: some RandomSource) -> Duration {
        let doublings = min(max(attemptCount, 0), 20)
        return max(.milliseconds(50), random.jitter(upTo: min(base * (1 << doublings), limit)))
    }
}
