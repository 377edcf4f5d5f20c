internal import CLibpq
internal import Synchronization

/// Proof that a transaction is open. Only `PostgresPool.withTransaction` makes one, it cannot be copied or kept, and everything
/// that must commit together takes it as a parameter.
public struct Transaction: ~Copyable, Sendable {
    let connection: Connection
    let isolation: Isolation
    let hooks: CommitHooks
    let queue: StatementQueue

    /// Runs one statement and returns how many rows it touched.
    @discardableResult
    public func execute(_ statement: Statement, _ values: any PostgresEncodable...)
        async throws(DatabaseError) -> Int
    {
        try await first(of: pipeline([BoundStatement(statement, values: values)])).affectedRowCount
    }

    /// Runs one statement and returns its rows.
    public func query(_ statement: Statement, _ values: any PostgresEncodable...) async throws(DatabaseError)
        -> Rows
    {
        try await first(of: pipeline([BoundStatement(statement, values: values)]))
    }

    /// Runs all statements in one round trip, in order; one result each. The first that is refused is thrown, the ones after it
    /// are skipped, and the transaction can only be rolled back.
    public func pipeline(_ batch: [BoundStatement]) async throws(DatabaseError) -> [Rows] {
        for bound in batch { try bound.validate() }
        return try await pipeline(batch, limit: connection.answerLimit)
    }

    /// Has one statement run, whose result nobody asks for, without a round trip of its own: it is sent ahead of the next one, or
    /// of COMMIT. What it is refused for is thrown by what it travels with, which takes no effect then; where that is COMMIT, as
    /// `.commitRefused`. What travels with COMMIT and waits for a lock waits there until the statement's limit, also in a cancelled task.
    ///
    /// - Throws: `.invalidValue`; nothing is sent then.
    public func enqueue(_ statement: Statement, _ values: any PostgresEncodable...) throws(DatabaseError) {
        try enqueue(BoundStatement(statement, values: values))
    }

    /// The same.
    public func enqueue(_ bound: BoundStatement) throws(DatabaseError) {
        try bound.validate()
        queue.add(bound)
    }

    /// The same with another limit than the pool's; the statements are trusted to lift the server's.
    @discardableResult
    func pipeline(_ batch: [BoundStatement], limit: Duration) async throws(DatabaseError) -> [Rows] {
        let ahead = queue.waiting
        let results = try await connection.runInTransaction(.pipeline(ahead + batch), isolation, limit: limit)
        // Only now: whoever goes on after an error must not commit without them.
        queue.removeFirst(ahead.count)
        return results.dropFirst(ahead.count).map { Rows(result: $0) }
    }

    /// SQL text of several statements, for migrations. Something must have run in the transaction before.
    func runScript(_ sql: String, limit: Duration) async throws(DatabaseError) {
        guard !sql.utf8.contains(0) else { throw .invalidValue("the script contains a NUL character") }
        _ = try await connection.runInTransaction(.script(sql), isolation, limit: limit)
    }

    /// Registers work to run after, and only after, COMMIT was confirmed; for example ringing a doorbell. It must be short and
    /// must not block. When the outcome of COMMIT is unknown it does not run.
    public func afterCommit(_ work: @escaping @Sendable () -> Void) { hooks.add(work) }
}

/// What a transaction wants done once it is committed.
final class CommitHooks: Sendable {
    private let works = Mutex<[@Sendable () -> Void]>([])
    func add(_ work: @escaping @Sendable () -> Void) { works.withLock { $0.append(work) } }
    func run() { for work in works.withLock({ $0 }) { work() } }
}

/// Statements that wait for another to travel with.
final class StatementQueue: Sendable {
    private let statements = Mutex<[BoundStatement]>([])
    var waiting: [BoundStatement] { statements.withLock(\.self) }
    func add(_ statement: BoundStatement) { statements.withLock { $0.append(statement) } }
    func removeFirst(_ count: Int) { statements.withLock { $0.removeFirst(count) } }
}

/// How COMMIT ended.
enum CommitAnswer {
    case committed
    case refused(DatabaseError)
    case unknown(DatabaseError)
}

extension Connection {
    nonisolated var answerLimit: Duration { settings.statementTimeout + .milliseconds(500) }

    /// BEGIN travels with the first statement, which saves a round trip.
    func runInTransaction(
        _ work: Unit.Work,
        _ isolation: Isolation,
        limit: Duration
    ) async throws(DatabaseError) -> [ResultHandle] {
        if let leaseDeadline, leaseDeadline < loop.now {
            close(
                .timedOut(
                    "the transaction lasted longer than \(settings.leaseLimit); the connection was closed"
                )
            )
        }
        var work = work
        let isFirst = !hasBegun
        if isFirst {
            guard case .pipeline(let batch) = work else {
                throw .unexpectedResult("a script cannot be the first of a transaction")
            }
            work = .pipeline([BoundStatement(isolation.begin)] + batch)
            leaseDeadline =
                loop.now + (limit > answerLimit ? max(limit, settings.leaseLimit) : settings.leaseLimit)
            hasBegun = true
        }
        let answer = await run(work, limit: limit)
        if case .failure(.cancelled) = answer, closeReason == nil {
            // Cancelled before anything was sent.
            if isFirst { hasBegun = false }
            throw .cancelled
        }
        // Without this look, the statements after a failed BEGIN (or a COMMIT in the body) would each commit on their own.
        if closeReason == nil, ![PQTRANS_INTRANS, PQTRANS_INERROR].contains(PQtransactionStatus(raw)) {
            let reason = DatabaseError.unexpectedResult("a statement inside the transaction ended it")
            close(reason)
            throw reason
        }
        let results = try answer.get()
        return isFirst ? Array(results.dropFirst()) : results
    }

    /// - Parameter last: what travels with COMMIT.
    func commit(_ last: [BoundStatement], _ isolation: Isolation) async -> CommitAnswer {
        let begin = hasBegun ? [] : [BoundStatement(isolation.begin)]
        // Nothing was sent, and nothing is left to send: there is nothing to commit.
        guard hasBegun || !last.isEmpty else { return .committed }
        endTransaction()
        if let closeReason { return .refused(closeReason) }
        if Task.isCancelled {
            if begin.isEmpty { close(.cancelled) }
            return .refused(.cancelled)
        }
        // Not cancellable: a COMMIT under way is waited for (within the statement's limit) rather than made an unknown outcome.
        let answer = await run(
            .pipeline(begin + last + [BoundStatement(.commit)]),
            limit: answerLimit,
            isCancellable: false
        )
        switch answer {
        case .success(let results): return judgeCommit(tag: results.last?.commandTag ?? "")
        case .failure(let error):
            guard closeReason == nil else { return .unknown(error) }
            // Where a statement before COMMIT was refused, COMMIT was skipped.
            if PQtransactionStatus(raw) != PQTRANS_IDLE { await undo() }
            return .refused(error)
        }
    }

    private func judgeCommit(tag: String) -> CommitAnswer {
        switch tag {
        case "COMMIT": return .committed
        case "ROLLBACK":
            let message = "a statement had failed and the transaction was rolled back"
            return .refused(.refused(sqlState: "25P02", message: message, constraint: nil))
        default:
            let reason = DatabaseError.unexpectedResult("COMMIT was answered with \"\(tag)\"")
            close(reason)
            return .unknown(reason)
        }
    }

    /// Undoes everything. When the task is cancelled or ROLLBACK fails, closing the connection does it.
    func rollback() async {
        guard hasBegun else { return }
        endTransaction()
        guard closeReason == nil else { return }
        guard !Task.isCancelled else { return close(.cancelled) }
        await undo()
    }

    private func undo() async {
        let rollback = BoundStatement(.rollback)
        let answer = await run(.pipeline([rollback]), limit: answerLimit, isCancellable: false)
        if case .failure(let error) = answer { close(error) }
    }

    private func endTransaction() {
        hasBegun = false
        leaseDeadline = nil
    }
}
