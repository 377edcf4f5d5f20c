public import Determinism
import Synchronization

/// When the database last heard of who drives a saga, by the driver's own clock, which goes on while the process sleeps.
///
/// What must not be done by a driver that was overtaken in its sleep asks first.
public final class SignOfLife: Sendable {
    /// After so long in silence the driver counts as overtaken.
    public let limit: Duration
    private let time: any TimeSource
    private let lastHeard: Mutex<Duration>

    public init(limit: Duration, time: any TimeSource) {
        self.limit = limit
        self.time = time
        lastHeard = Mutex(time.uptime)
    }

    public var isLost: Bool { time.uptime - lastHeard.withLock { $0 } >= limit }

    func renew() {
        let now = time.uptime
        lastHeard.withLock { $0 = now }
    }
}
