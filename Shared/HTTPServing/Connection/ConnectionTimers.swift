import NIOCore

/// Which deadline holds now. Pure: the caller says what time it is.
struct ConnectionTimers {
    enum Expiry: Equatable { case idle, header, body, linger }

    private let limits: ConnectionLimits
    /// The last moment that counts as progress for the present wait.
    private(set) var since: NIODeadline
    /// Bytes of an unfinished head.
    private(set) var headBytes = 0
    private var headStart: NIODeadline?
    private var lingerEnd: NIODeadline?
    var isReadOutstanding = false

    init(limits: ConnectionLimits, now: NIODeadline) {
        self.limits = limits
        since = now
        // A new connection owes a request at once; only later ones may idle.
        headStart = now
    }

    mutating func progressed(at now: NIODeadline) { since = now }

    mutating func receivedHeadBytes(_ count: Int, at now: NIODeadline) {
        headBytes += count
        if headStart == nil { headStart = now }
    }

    mutating func headEnded(at now: NIODeadline) {
        headBytes = 0
        headStart = nil
        since = now
    }

    mutating func startedLinger(at now: NIODeadline, isStopping: Bool) {
        since = now
        lingerEnd = now + TimeAmount(isStopping ? limits.lingerStallTimeout : limits.lingerTimeout)
    }

    /// The server is going away: who has its answer may not hold it up.
    mutating func stop(at now: NIODeadline) {
        lingerEnd = lingerEnd.map { min($0, now + TimeAmount(limits.lingerStallTimeout)) }
    }

    /// The next deadline, or nil when nothing is awaited from the client.
    func deadline(_ state: ConnectionState) -> (at: NIODeadline, expiry: Expiry)? {
        switch state.mode {
        case .closed: return nil
        case .lingering:
            return lingerEnd.map { (min($0, since + TimeAmount(limits.lingerStallTimeout)), .linger) }
        case .draining: return (since + TimeAmount(limits.bodyStallTimeout), .body)
        case .serving:
            if state.isReceivingBody {
                return isReadOutstanding ? (since + TimeAmount(limits.bodyStallTimeout), .body) : nil
            }
            guard state.isAwaitingHead, state.requests.isEmpty else { return nil }
            if let headStart { return (headStart + TimeAmount(limits.headerTimeout), .header) }
            return (since + TimeAmount(limits.idleTimeout), .idle)
        }
    }
}
