public import Correlation
public import PostgresClient

public import struct FoundationEssentials.UUID

/// A saga about to be stored.
public struct NewSaga: Sendable {
    public let id: UUID
    public let kind: String
    /// What the saga is about. One saga of a kind exists per subject.
    public let subject: UUID
    /// Everything the steps need to know, as JSON.
    public let context: String
    /// The work that asks for the saga.
    public let trace: TraceContext?

    public init(
        id: UUID,
        kind: String,
        subject: UUID,
        context: String,
        trace: TraceContext? = TraceContext.current
    ) {
        self.id = id
        self.kind = kind
        self.subject = subject
        self.context = context
        self.trace = trace
    }
}

/// The right to drive one saga, as long as nobody claims it with a higher epoch.
public struct SagaClaim: Sendable {
    public let id: UUID
    public let kind: String
    public let subject: UUID
    public let context: String
    public let log: [SagaEntry]
    public let epoch: Int64
    public let attemptCount: Int
    public let trace: TraceContext?

    public init(
        id: UUID,
        kind: String,
        subject: UUID,
        context: String,
        log: [SagaEntry],
        epoch: Int64,
        attemptCount: Int = 0,
        trace: TraceContext? = nil
    ) {
        self.id = id
        self.kind = kind
        self.subject = subject
        self.context = context
        self.log = log
        self.epoch = epoch
        self.attemptCount = attemptCount
        self.trace = trace
    }

    /// The claim of the process that has just stored `saga` under its own lease.
    public init(of saga: NewSaga, log: [SagaEntry]) {
        self.init(
            id: saga.id,
            kind: saga.kind,
            subject: saga.subject,
            context: saga.context,
            log: log,
            epoch: 1,
            trace: saga.trace
        )
    }
}

public struct SagaCensus: Sendable {
    public let kind: String
    public let count: Int64
    public let stuckCount: Int64
    public let oldestAgeSeconds: Int64
}

/// Lets a step record its success in the transaction of its effect.
public struct StepHandle: Sendable {
    public let sagaID: UUID
    public let epoch: Int64
    /// How often the saga has failed in a row so far.
    public let attemptCount: Int
    let entries: [SagaEntry]
    let endsSaga: Bool

    /// Call it inside the transaction that makes the step's effect durable, and return the receipt.
    ///
    /// - Throws: `.lost` when another process has claimed the saga; let the transaction roll back.
    public func record(in tx: borrowing Transaction) async throws(StepFailure) -> StepReceipt {
        let isOurs: Bool
        do { isOurs = try await Self.record([self], in: tx) } catch { throw .transient("\(error)") }
        guard isOurs else { throw .lost }
        return .recorded
    }

    /// The same for steps of several sagas, in one round trip.
    ///
    /// - Returns: false when another process has claimed one of them; let the transaction roll back.
    public static func record(
        _ handles: [StepHandle],
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        let records = handles.map { handle in
            handle.endsSaga
                ? SagaStore.ending(handle.sagaID, epoch: handle.epoch)
                : SagaStore.appending(handle.entries, to: handle.sagaID, epoch: handle.epoch)
        }
        return try await tx.pipeline(records).allSatisfy { $0.affectedRowCount == 1 }
    }

    /// Ends the saga though it has steps left: what asked for it counts no more.
    ///
    /// - Throws: `.lost` when another process has claimed the saga; let the transaction roll back.
    public func abandon(in tx: borrowing Transaction) async throws(StepFailure) {
        let result: [Rows]
        do { result = try await tx.pipeline([SagaStore.ending(sagaID, epoch: epoch)]) } catch {
            throw .transient("\(error)")
        }
        guard result.first?.affectedRowCount == 1 else { throw .lost }
    }
}
