/// How many parts are on their way at once: additive increase, multiplicative decrease (RFC 5681, section 3.1).
struct SendWindow: Equatable, Sendable {
    let limit: Int
    private(set) var width: Int
    private var successCount = 0
    private var narrowedAt: Duration?

    /// Starts as wide as it may become.
    init(limit: Int) {
        self.limit = max(1, limit)
        width = self.limit
    }

    /// One wider after as many successes as it is wide.
    mutating func succeeded() {
        successCount += 1
        guard successCount >= width, width < limit else { return }
        width += 1
        successCount = 0
    }

    /// Half as wide; once for all that was under way together.
    ///
    /// - Parameters:
    ///   - start: when the attempt that failed was begun.
    ///   - uptime: now.
    mutating func congested(since start: Duration, at uptime: Duration) {
        if let narrowedAt, start < narrowedAt { return }
        width = max(1, width / 2)
        successCount = 0
        narrowedAt = uptime
    }
}
