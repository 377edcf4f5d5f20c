public import Determinism
import Glibc

/// The machine's clocks: `CLOCK_REALTIME` for instants, `CLOCK_BOOTTIME` for durations.
public struct SystemTime: TimeSource {
    private static let wheel = TimingWheel(SystemTime())

    /// Makes the only clock a program needs; values are interchangeable.
    public init() {}

    /// The wall clock, in UTC, to the microsecond.
    public var now: Timestamp {
        let (seconds, nanoseconds) = read(CLOCK_REALTIME)
        return Timestamp(secondsSinceEpoch: seconds).advanced(by: .nanoseconds(nanoseconds))
    }

    /// Since the machine started. Time in which it was suspended counts, as it does for everybody else.
    public var uptime: Duration {
        let (seconds, nanoseconds) = read(CLOCK_BOOTTIME)
        return .seconds(seconds) + .nanoseconds(nanoseconds)
    }

    /// Returns at once for a duration of zero or less; from a second on up to 50 ms late.
    public func sleep(for duration: Duration) async throws(CancellationError) {
        if duration >= .seconds(1) { return try await Self.wheel.sleep(for: duration) }
        do {
            try await Task.sleep(for: duration)
        } catch {
            // Task.sleep fails for one reason only.
            throw CancellationError()
        }
    }

    private func read(_ clock: clockid_t) -> (seconds: Int64, nanoseconds: Int64) {
        var value = timespec()
        // Fails only for an unknown clock or a bad pointer; neither can happen here.
        clock_gettime(clock, &value)
        return (Int64(value.tv_sec), Int64(value.tv_nsec))
    }
}
