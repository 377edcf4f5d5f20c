/// Which connections there are, who has them and who waits. Pure: no clock, no I/O; each function says what is to be done.
struct PoolState<Connection: AnyObject, Waiter> {
    /// What becomes of a connection that is free.
    enum Handoff {
        case give(Waiter), keep, discard
    }
    /// Connections to open now, or when to look again because the server was not reachable a moment ago.
    struct OpeningPlan: Equatable {
        var count = 0
        var retryAt: Duration?
    }

    let connectionLimit: Int
    private(set) var isClosed = false
    private(set) var idle: [Connection] = []
    private(set) var leased: [ObjectIdentifier: Connection] = [:]
    private(set) var openingCount = 0
    private(set) var line = WaitingLine<Waiter>()
    private(set) var lastFailure: DatabaseError?
    private var failureCount = 0
    private var nextAttempt: Duration = .zero
    private var isRetryArmed = false

    init(connectionLimit: Int) { self.connectionLimit = max(1, connectionLimit) }

    var openCount: Int { idle.count + leased.count }
    var isDrained: Bool { idle.isEmpty && leased.isEmpty && openingCount == 0 }

    /// An idle connection, unless somebody has waited longer.
    mutating func takeIdle() -> Connection? {
        guard !isClosed, line.isEmpty, let connection = idle.popLast() else { return nil }
        leased[ObjectIdentifier(connection)] = connection
        return connection
    }

    mutating func wait(_ waiter: Waiter, id: UInt64, deadline: Duration) {
        line.append(waiter, id: id, deadline: deadline)
    }

    mutating func leave(_ id: UInt64) -> Waiter? { line.remove(id) }

    /// Those whose time is over, first in line first.
    mutating func expire(now: Duration) -> [Waiter] {
        var expired: [Waiter] = []
        while let deadline = line.firstDeadline, deadline <= now, let waiter = line.popFirst() {
            expired.append(waiter)
        }
        return expired
    }

    /// As many as there are waiters without one on its way; after a failure one at a time, and not before its time.
    mutating func planOpenings(now: Duration) -> OpeningPlan {
        guard !isClosed else { return OpeningPlan() }
        let wanted = min(line.count - openingCount, connectionLimit - openCount - openingCount)
        guard wanted > 0 else { return OpeningPlan() }
        guard failureCount > 0 else {
            openingCount += wanted
            return OpeningPlan(count: wanted)
        }
        guard openingCount == 0 else { return OpeningPlan() }
        if now < nextAttempt {
            guard !isRetryArmed else { return OpeningPlan() }
            isRetryArmed = true
            return OpeningPlan(retryAt: nextAttempt)
        }
        openingCount += 1
        return OpeningPlan(count: 1)
    }

    mutating func retryIsDue() { isRetryArmed = false }

    mutating func opened(_ connection: Connection) -> Handoff {
        openingCount -= 1
        failureCount = 0
        lastFailure = nil
        return place(connection)
    }

    /// - Parameter backoff: how long to leave the server alone after so many failures in a row.
    mutating func openingFailed(_ failure: DatabaseError, now: Duration, backoff: (Int) -> Duration) {
        openingCount -= 1
        failureCount = min(failureCount + 1, 16)
        lastFailure = failure
        nextAttempt = now + backoff(failureCount)
    }

    mutating func release(_ connection: Connection, isReusable: Bool) -> Handoff {
        leased[ObjectIdentifier(connection)] = nil
        return isReusable ? place(connection) : .discard
    }

    /// An idle connection was closed by the server. A leased one is found out at its release.
    mutating func lost(_ connection: Connection) { idle.removeAll { $0 === connection } }

    mutating func close() -> (idle: [Connection], waiters: [Waiter]) {
        isClosed = true
        let closing = (idle, line.removeAll())
        idle = []
        return closing
    }

    private mutating func place(_ connection: Connection) -> Handoff {
        guard !isClosed else { return .discard }
        if let waiter = line.popFirst() {
            leased[ObjectIdentifier(connection)] = connection
            return .give(waiter)
        }
        idle.append(connection)
        return .keep
    }
}
