/// Where time comes from. Production passes the system's, a test its own.
public protocol TimeSource: Sendable {
    /// The wall clock. May jump; never use it to measure a duration.
    var now: Timestamp { get }
    /// A clock that never goes back, from an arbitrary zero. For timeouts and measurements.
    var uptime: Duration { get }
    /// Never returns early, may return a little late, and throws as soon as the task is cancelled.
    func sleep(for duration: Duration) async throws(CancellationError)
}

/// Where randomness comes from. Must be safe for identifiers and tokens in production.
public protocol RandomSource: Sendable {
    func nextUInt64() -> UInt64
}

extension RandomSource {
    public func bytes(count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            var word = nextUInt64()
            for _ in 0..<min(8, count - bytes.count) {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        return bytes
    }

    /// Uniform in `0 ..< bound`; zero when `bound` is zero.
    public func uniform(below bound: UInt64) -> UInt64 {
        guard bound > 0 else { return 0 }
        return bound.multipliedFullWidth(by: nextUInt64()).high
    }

    /// Full jitter: uniform between zero and `limit`.
    ///
    /// Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    public func jitter(upTo limit: Duration) -> Duration {
        .microseconds(Int64(clamping: uniform(below: UInt64(clamping: limit.wholeMicroseconds))))
    }
}
