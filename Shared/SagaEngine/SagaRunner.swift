public import Determinism
public import FaultPoints
public import PostgresClient

/// How driving a saga came to an end, for now or for good.
public enum SagaEnd: Equatable, Sendable {
    case completed
    /// Unwound; the reason is the failure that started it, if this process saw it.
    case compensated(reason: String?)
    /// Put down until its time or a wake-up. The reason is the failure, if there was one.
    case postponed(reason: String?)
    /// Another process drives it.
    case lost
}

/// Drives sagas of one kind: asks the plan, runs the step, records it, again.
public struct SagaRunner<Context: Sendable>: Sendable {
    let saga: Saga<Context>
    let pool: PostgresPool
    let random: any RandomSource
    let backoff: Backoff
    let faults: any Faults

    public init(
        _ saga: Saga<Context>,
        pool: PostgresPool,
        random: any RandomSource,
        backoff: Backoff = Backoff(),
        faults: any Faults = NoFaults()
    ) {
        self.saga = saga
        self.pool = pool
        self.random = random
        self.backoff = backoff
        self.faults = faults
    }

    /// Drives a claimed saga as far as it goes. Never throws: what could not be done is postponed, and a
    /// database that does not answer leaves the saga to whoever claims it when the lease is over.
    public func drive(_ claim: SagaClaim, _ context: Context) async -> SagaEnd {
        var log = SagaLog(stored: claim.log, attemptCount: claim.attemptCount)
        var reason: String?
        while true {
            let entry: SagaEntry
            do throws(StepFailure) {
                switch saga.plan(after: log.entries) {
                case .completed: return .completed
                case .compensated: return .compensated(reason: reason)
                case .unreadable:
                    throw StepFailure.transient("\(claim.kind): the log was written by a newer program")
                case .run(let index):
                    entry = .succeeded(index)
                    try await perform(saga.steps[index].run, entry, claim, &log, context)
                case .undo(let index):
                    entry = .undone(index)
                    guard case .compensatable(let undo?) = saga.steps[index].kind else { return .lost }
                    try await perform(shielded(undo), entry, claim, &log, context)
                }
            } catch {
                if let end = await settle(error, claim, &log, &reason) { return end }
            }
        }
    }

    private func perform(
        _ action: Step<Context>.Action,
        _ entry: SagaEntry,
        _ claim: SagaClaim,
        _ log: inout SagaLog,
        _ context: Context
    ) async throws(StepFailure) {
        let handle = self.handle(for: entry, claim, log)
        switch try await action(context, handle) {
        case .recorded: log.append(stored: handle.entries)
        case .deferred: log.append(unstored: entry)
        case .unrecorded:
            try await record(handle)
            log.append(stored: handle.entries)
        }
    }

    /// Decides what a failure means: nil goes on with the loop.
    private func settle(
        _ failure: StepFailure,
        _ claim: SagaClaim,
        _ log: inout SagaLog,
        _ reason: inout String?
    ) async -> SagaEnd? {
        switch failure {
        case .lost: return .lost
        case .waiting(let pause): return await postpone(claim, pause, nil)
        case .transient(let text): return await postpone(claim, pause(after: log.attemptCount), text)
        case .definite(let text):
            guard case .run(let index) = saga.plan(after: log.entries), !isRetriable(index) else {
                return await postpone(claim, pause(after: log.attemptCount), text)
            }
            reason = text
            let handle = self.handle(for: .failed(index), claim, log)
            do { try await record(handle) } catch {
                guard error != .lost else { return .lost }
                return await postpone(claim, pause(after: log.attemptCount), text)
            }
            log.append(stored: handle.entries)
            return nil
        }
    }

    private func handle(for entry: SagaEntry, _ claim: SagaClaim, _ log: SagaLog) -> StepHandle {
        let plan = saga.plan(after: log.entries + [entry])
        return StepHandle(
            sagaID: claim.id,
            epoch: claim.epoch,
            attemptCount: log.attemptCount,
            entries: log.unstored + saga.entries(recording: entry, after: log.entries),
            endsSaga: plan == .completed || plan == .compensated
        )
    }

    private func record(_ handle: StepHandle) async throws(StepFailure) {
        let pool = self.pool
        try faults.step(.beforeSagaStepRecorded)
        try await uncancelled {
            await result { () throws(StepFailure) in
                _ = try await pool.withStepTransaction { tx in try await handle.record(in: tx) }
            }
        }.get()
        try faults.step(.afterSagaStepRecorded)
    }

    /// An undo runs to its end also when the task that drives the saga is cancelled: that is when it is needed.
    private func shielded(_ action: @escaping Step<Context>.Action) -> Step<Context>.Action {
        { context, handle throws(StepFailure) in
            try await uncancelled {
                await result { () throws(StepFailure) in try await action(context, handle) }
            }.get()
        }
    }

    private func postpone(_ claim: SagaClaim, _ pause: Duration, _ reason: String?) async -> SagaEnd {
        // Also when the process is asked to stop, so that another need not wait for the lease. When the database does
        // not answer, the lease runs out and another process goes on.
        let pool = self.pool
        await uncancelled { try? await SagaStore.postpone(claim, pause: pause, failure: reason, on: pool) }
        return .postponed(reason: reason)
    }

    private func pause(after attemptCount: Int) -> Duration { backoff.pause(after: attemptCount, random) }

    private func isRetriable(_ index: Int) -> Bool {
        if case .retriable = saga.steps[index].kind { return true }
        return false
    }
}

/// Runs `work` in a task of its own, which the caller's cancellation does not reach.
private func uncancelled<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
    await Task { await work() }.value
}

private func result<Value>(
    _ body: () async throws(StepFailure) -> Value
) async -> Result<Value, StepFailure> {
    do { return .success(try await body()) } catch { return .failure(error) }
}

/// The log as this process knows it: what is stored, and what the next record will store with it.
private struct SagaLog {
    private(set) var entries: [SagaEntry]
    private(set) var unstored: [SagaEntry] = []

    /// Failures in a row, as the table counts them: what is recorded starts it over.
    private(set) var attemptCount: Int

    init(stored: [SagaEntry], attemptCount: Int) {
        entries = stored
        self.attemptCount = attemptCount
    }

    /// - Parameter new: what a handle recorded; it includes everything that was unstored.
    mutating func append(stored new: [SagaEntry]) {
        entries += new.dropFirst(unstored.count)
        unstored = []
        attemptCount = 0
    }

    mutating func append(unstored new: SagaEntry) {
        entries.append(new)
        unstored.append(new)
    }
}
