import Glibc

/// A point on the clock librdkafka's own timeouts run on.
///
/// Not a `TimeSource`: these limits bound threads that really block in C, which a simulated clock could not wake.
struct MonotonicDeadline: Comparable {
    private let nanoseconds: Int64

    static func after(_ duration: Duration) -> MonotonicDeadline {
        let (seconds, attoseconds) = duration.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        let limit = overflow || carry ? (seconds < 0 ? 0 : Int64.max) : max(0, sum)
        let (end, late) = now.addingReportingOverflow(limit)
        return MonotonicDeadline(nanoseconds: late ? .max : end)
    }

    var hasPassed: Bool { Self.now >= nanoseconds }

    static func < (left: MonotonicDeadline, right: MonotonicDeadline) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
