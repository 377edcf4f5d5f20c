public import Synchronization

/// Asks for many keys at once: whoever comes while the lanes are taken goes with the next lane, together with all others.
///
/// Each question begins after those it answers came, so an answer is never older than the wish for it.
/// Inlinable, to be compiled for its key and its value: every request passes here.
public final class SharedLookup<Key: Hashable & Sendable, Value: Sendable, Failure: Error>: Sendable {
    /// The values of those keys that have one.
    public typealias Ask = @Sendable (Set<Key>) async throws(Failure) -> [Key: Value]
    @usableFromInline typealias Answer = Result<Value?, Failure>

    @usableFromInline struct Waiter {
        @usableFromInline let key: Key
        @usableFromInline let answer: CheckedContinuation<Answer, Never>

        @inlinable init(key: Key, answer: CheckedContinuation<Answer, Never>) {
            self.key = key
            self.answer = answer
        }
    }
    @usableFromInline struct State {
        @usableFromInline var line: [Waiter] = []
        @usableFromInline var busyLaneCount = 0

        @inlinable init() {}
    }

    /// More than one, so that one question without an answer does not hold up everybody.
    @inlinable static var laneLimit: Int { 2 }

    @usableFromInline let executor: (any TaskExecutor)?
    @usableFromInline let ask: Ask
    @usableFromInline let state: Mutex<State>

    /// - Parameters:
    ///   - executor: where to ask.
    ///   - ask: must come to an end by itself.
    @inlinable public init(on executor: (any TaskExecutor)?, ask: @escaping Ask) {
        self.executor = executor
        self.ask = ask
        state = Mutex(State())
    }

    /// How many stand in line.
    var waitingCount: Int { state.withLock { $0.line.count } }

    /// Nil when the key has no value. A cancelled caller gets its answer all the same: others wait for it too.
    @inlinable public func find(_ key: Key) async throws(Failure) -> Value? {
        let answer = await withCheckedContinuation { continuation in
            let isLaneFree = state.withLock { state in
                state.line.append(Waiter(key: key, answer: continuation))
                guard state.busyLaneCount < Self.laneLimit else { return false }
                state.busyLaneCount += 1
                return true
            }
            if isLaneFree { Task(executorPreference: executor) { await self.work() } }
        }
        return try answer.get()
    }

    /// One lane, as long as somebody stands in line.
    @inlinable func work() async {
        while let waiters = takeLine() {
            let answers = await answers(to: Set(waiters.map { $0.key }))
            for waiter in waiters { waiter.answer.resume(returning: answers.map { $0[waiter.key] }) }
        }
    }

    @inlinable func takeLine() -> [Waiter]? {
        state.withLock { state in
            guard state.line.isEmpty else {
                defer { state.line = [] }
                return state.line
            }
            state.busyLaneCount -= 1
            return nil
        }
    }

    @inlinable func answers(to keys: Set<Key>) async -> Result<[Key: Value], Failure> {
        do throws(Failure) { return .success(try await ask(keys)) } catch { return .failure(error) }
    }
}
