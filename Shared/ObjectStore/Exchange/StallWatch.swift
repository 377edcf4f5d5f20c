import Determinism
import Synchronization

/// Notices that the store has been awaited for too long without a byte moving. Waiting for our own caller does not count.
final class StallWatch: Sendable {
    private struct Wait {
        let since: Duration
        let limit: Duration
    }

    private let time: any TimeSource
    private let wait = Mutex<Wait?>(nil)
    /// How often to look while nothing is awaited; a wait that begins meanwhile is hardly seen later than its limit.
    private let shortestLimit: Duration

    init(time: any TimeSource, timeouts: S3Timeouts) {
        self.time = time
        shortestLimit = min(timeouts.progress, timeouts.answer)
    }

    /// From here the store must do something within the limit.
    func await(_ limit: Duration) {
        let now = time.uptime
        wait.withLock { $0 = Wait(since: now, limit: limit) }
    }

    /// The store did something; now it is our turn.
    func rest() { wait.withLock { $0 = nil } }

    /// Returns true when the store stalled, false when the task was cancelled.
    func stalled() async -> Bool {
        while true {
            let now = time.uptime
            let pause = wait.withLock { $0.map { $0.limit - (now - $0.since) } } ?? shortestLimit
            guard pause > .zero else { return true }
            do { try await time.sleep(for: pause) } catch { return false }
        }
    }
}
