internal import Determinism

extension PostgresPool {
    /// Runs `body` between BEGIN and COMMIT: what it returns is committed, what it throws rolls back.
    ///
    /// The body runs on the pool's I/O thread unless it is bound to an actor; it must not block, compute for long, or make any
    /// network call but SQL. A body that runs no statement commits nothing and asks the server nothing.
    public func withTransaction<Value: Sendable, Failure: Error>(
        isolation: Isolation = .readCommitted,
        _ body: (borrowing Transaction) async throws(Failure) -> Value
    ) async throws(TransactionError<Failure>) -> Value {
        let connection: Connection
        do { connection = try await lease() } catch { throw .notStarted(error) }
        defer { release(connection) }
        return try await withTaskExecutorPreference(loopTaskExecutor) {
            () async throws(TransactionError<Failure>) -> Value in
            try await Self.transact(on: connection, isolation, body)
        }
    }

    private static func transact<Value: Sendable, Failure: Error>(
        on connection: Connection,
        _ isolation: Isolation,
        _ body: (borrowing Transaction) async throws(Failure) -> Value
    ) async throws(TransactionError<Failure>) -> Value {
        let (hooks, queue) = (CommitHooks(), StatementQueue())
        let value: Value
        do {
            value = try await body(
                Transaction(connection: connection, isolation: isolation, hooks: hooks, queue: queue)
            )
        } catch {
            await connection.rollback()
            throw .rolledBack(error)
        }
        switch await connection.commit(queue.waiting, isolation) {
        case .committed:
            hooks.run()
            return value
        case .refused(let error): throw .commitRefused(error)
        case .unknown(let error): throw .commitOutcomeUnknown(error)
        }
    }

    /// Like `withTransaction`, and again from the start after a serialization failure or deadlock (40001, 40P01), whether a statement
    /// or COMMIT reported it, with growing random pauses. The body may run `attemptLimit` times; only its last run can have effects.
    ///
    /// A statement's failure is recognised when `Failure` is `DatabaseErrorCarrying`.
    public func withRetriedTransaction<Value: Sendable, Failure: Error>(
        attemptLimit: Int = 5,
        isolation: Isolation = .readCommitted,
        _ body: (borrowing Transaction) async throws(Failure) -> Value
    ) async throws(TransactionError<Failure>) -> Value {
        var attempt = 1
        while true {
            do {
                return try await withTransaction(isolation: isolation, body)
            } catch {
                guard attempt < attemptLimit, error.isWorthRepeating else { throw error }
                let pause = random.jitter(upTo: .milliseconds(min(500, 10 << min(attempt, 6))))
                do { try await time.sleep(for: pause) } catch let cancellation {
                    _ = cancellation
                    throw error
                }
                attempt += 1
            }
        }
    }
}

extension TransactionError {
    /// Rolled back for certain, by a conflict that another run may not meet.
    fileprivate var isWorthRepeating: Bool {
        switch self {
        case .rolledBack, .commitRefused: databaseError?.isSerializationFailure ?? false
        case .notStarted, .commitOutcomeUnknown: false
        }
    }
}
