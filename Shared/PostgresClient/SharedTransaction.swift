internal import Determinism
internal import Synchronization

/// Commits the wishes that come at about the same time in one transaction, which costs the database little more than one of them.
///
/// Whoever comes while the lanes of its group are taken goes with the next lane. Groups do not wait for each other. What a transaction of
/// many fails for may be the fault of one of them: nothing of it is kept then, and each has a transaction of its own, beside the lanes. So has
/// one that would have a lane wait for a lock.
public final class SharedTransaction<Group: Hashable & Sendable, Wish: Sendable, Value: Sendable>: Sendable {
    /// Grants wishes of one group and returns a value for each, in their order.
    public typealias Work = @Sendable ([Wish], borrowing Transaction) async throws -> [Value]
    private typealias Outcome = Result<Value, TransactionError<any Error>>

    private struct Waiter: Sendable {
        let wish: Wish
        let answer: CheckedContinuation<Outcome, Never>

        func resume(_ outcome: Outcome) { answer.resume(returning: outcome) }
    }
    private struct Line {
        private(set) var waiters: [Waiter] = []
        private(set) var busyLaneCount = 0

        /// - Returns: whether a lane is to be started.
        mutating func join(_ waiter: Waiter) -> Bool {
            waiters.append(waiter)
            guard busyLaneCount < laneLimit else { return false }
            busyLaneCount += 1
            return true
        }

        /// - Returns: the next for a lane; empty when it is to end.
        mutating func leave() -> [Waiter] {
            let next = Array(waiters.prefix(wishLimit))
            waiters.removeFirst(next.count)
            if next.isEmpty { busyLaneCount -= 1 }
            return next
        }
    }

    /// More than one, so that the next wishes are read while the last ones are flushed to disk.
    static var laneLimit: Int { 2 }
    /// So many are computed on the pool's I/O thread without a pause.
    static var wishLimit: Int { 32 }

    private let pool: PostgresPool
    private let work: Work
    private let areInOrder: (@Sendable (Wish, Wish) -> Bool)?
    private let lockLimit: Duration
    private let lines = Mutex<[Group: Line]>([:])

    /// - Parameters:
    ///   - lockLimit: how long a lane waits for a lock. Below the server's `deadlock_timeout`: a deadlock is over before it is looked for.
    ///   - areInOrder: in which order wishes are granted, where they take locks that others take too.
    ///   - work: must come to an end by itself.
    public init(
        on pool: PostgresPool,
        lockLimit: Duration = .milliseconds(500),
        inOrder areInOrder: (@Sendable (Wish, Wish) -> Bool)? = nil,
        work: @escaping Work
    ) {
        (self.pool, self.lockLimit, self.areInOrder, self.work) = (pool, lockLimit, areInOrder, work)
    }

    /// How many groups are known.
    var groupCount: Int { lines.withLock(\.count) }
    /// How many stand in line.
    func waitingCount(of group: Group) -> Int { lines.withLock { $0[group]?.waiters.count ?? 0 } }

    /// Returns once the wish is committed. A caller that is cancelled while it waits gets its answer all the same: others go the same way.
    public func commit(_ wish: Wish, of group: Group) async throws(TransactionError<any Error>) -> Value {
        guard !Task.isCancelled else { throw .notStarted(.cancelled) }
        let outcome = await withCheckedContinuation { answer in
            let isLaneFree = lines.withLock {
                $0[group, default: Line()].join(Waiter(wish: wish, answer: answer))
            }
            if isLaneFree { startLane { await self.serve(group) } }
        }
        return try outcome.get()
    }

    /// One lane, as long as somebody stands in line.
    private func serve(_ group: Group) async {
        while var waiters = takeLine(of: group) {
            if let areInOrder { waiters.sort { areInOrder($0.wish, $1.wish) } }
            switch await outcome(of: waiters.map(\.wish), lockLimit: lockLimit) {
            case .success(let values):
                for (waiter, value) in zip(waiters, values) { waiter.resume(.success(value)) }
            case .failure(let failure)
            where waiters.count > 1 ? failure.mayBeOfOneWish : failure.isOfLockLimit:
                for waiter in waiters { startLane { await self.serve(waiter) } }
            case .failure(let failure):
                for waiter in waiters { waiter.resume(.failure(failure)) }
            }
        }
    }

    /// Beside the lanes.
    private func serve(_ waiter: Waiter) async {
        waiter.resume(await outcome(of: [waiter.wish]).map { $0[0] })
    }

    private func startLane(_ lane: @escaping @Sendable () async -> Void) {
        Task(executorPreference: pool.taskExecutor) { await lane() }
    }

    private func takeLine(of group: Group) -> [Waiter]? {
        lines.withLock { lines in
            guard let waiters = lines[group]?.leave() else { return nil }
            if lines[group]?.busyLaneCount == 0 { lines[group] = nil }
            return waiters.isEmpty ? nil : waiters
        }
    }

    /// - Parameter lockLimit: nil: as long as a statement may take.
    /// - Returns: as many values as there are wishes.
    private func outcome(
        of wishes: [Wish],
        lockLimit: Duration? = nil
    ) async -> Result<[Value], TransactionError<any Error>> {
        do throws(TransactionError<any Error>) {
            return .success(
                try await pool.withTransaction { (tx: borrowing Transaction) async throws -> [Value] in
                    if let lockLimit {
                        try tx.enqueue(.lockLimit, "\(lockLimit.wholeMilliseconds)ms")
                    }
                    let values = try await work(wishes, tx)
                    if values.count == wishes.count { return values }
                    throw DatabaseError.unexpectedResult("\(values.count) values of \(wishes.count)")
                }
            )
        } catch { return .failure(error) }
    }
}

extension Statement {
    fileprivate static let lockLimit: Statement = "SELECT set_config('lock_timeout', $1, true)"
}

extension TransactionError {
    /// Nothing is kept, and without one of the wishes the others may be granted.
    fileprivate var mayBeOfOneWish: Bool {
        switch self {
        case .notStarted, .commitOutcomeUnknown: return false
        case .rolledBack, .commitRefused:
            switch databaseError {
            case .refused, .invalidValue, .timedOut, .unexpectedResult, nil: return true
            case .unavailable, .connectionLost, .cancelled: return false
            }
        }
    }

    fileprivate var isOfLockLimit: Bool {
        switch self {
        case .notStarted, .commitOutcomeUnknown: return false
        case .rolledBack, .commitRefused:
            if case .refused(sqlState: "55P03", _, _) = databaseError { return true }
            return false
        }
    }
}
