import Determinism
import Synchronization

/// A clock that moves when somebody sleeps on it, and only then.
final class SleepersTime: TimeSource {
    private let state = Mutex(Duration.zero)

    var now: Timestamp { Timestamp(secondsSinceEpoch: 1_795_253_400).advanced(by: uptime) }
    var uptime: Duration { state.withLock { $0 } }

    func sleep(for duration: Duration) async throws(CancellationError) {
        guard !Task.isCancelled else { throw CancellationError() }
        state.withLock { $0 += duration }
        await Task.yield()
    }
}

/// Makes every jitter as long as it may be.
struct LargestJitter: RandomSource {
    func nextUInt64() -> UInt64 { .max }
}
