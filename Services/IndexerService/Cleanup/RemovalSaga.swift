import EventBinding
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine
import TransactionalOutbox

/// The only code that deletes objects, and only those whose row was doomed before: its orders come from
/// `file.purging` and `upload.discarded`, each written in the transaction of a compare-and-set to a final state.
///
///     remove ─ look-again ─ report
///
/// A PUT that began before its deadline may land after it. So what was discarded is looked at twice, with the
/// longest time between in which a write can still be under way.
/// Before the first byte goes the audit trail has a record of it.
struct RemovalSaga: Sendable {
    static let kind = "removal.v1"

    let pool: PostgresPool
    let remover: ObjectRemover
    let caution: RemovalCaution
    let doorbell: Doorbell
    let metrics: IndexerMetrics
    let faults: any Faults
    /// The longest time after which a write that was under way can still land.
    let late: Duration
    /// After so many failures in a row somebody is told.
    static let alarmAttemptCount = 8

    func steps() throws(MalformedSaga) -> Saga<Order> {
        try Saga(
            Self.kind,
            [
                Step("remove", .retriable, run: remove),
                Step("look-again", .retriable, run: lookAgain),
                Step("report", .retriable, run: report),
            ]
        )
    }

    private func remove(_ order: Order, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        try await removeAll(order, handle)
        return .unrecorded
    }

    private func lookAgain(_ order: Order, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        guard order.uploadID != nil else { return .deferred }
        try await caution.check(order.version, handle)
        let absentFor = try await database { () throws(DatabaseError) in
            try await RemovalStore.absence(of: order.objectKey, on: pool)
        }
        guard let absentFor, absentFor >= late else {
            throw .waiting(late - (absentFor ?? .zero))
        }
        let isAbsent = try await store { () throws(StoreFailure) in
            // A part that was under way when its upload was aborted may have come after all, and only an abort takes it away.
            if let multipartID = order.multipartID {
                try await remover.store.abortMultipartUpload(order.objectKey, uploadID: multipartID)
            }
            return try await remover.isAbsent(order.objectKey)
        }
        if isAbsent { return .deferred }
        try await removeAll(order, handle)
        throw .waiting(late)
    }

    private func report(_ order: Order, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        try faults.step(.beforeRemovalReported)
        let receipt = try await pool.withStepTransaction { tx in
            let doorbell = self.doorbell
            tx.afterCommit { doorbell.ring() }
            let removal = try await RemovalStore.report(order.objectKey, in: tx)
            let answer = order.removed(removal.versionCount, at: removal.at)
            try Outbox.append(answer, in: tx)
            let metrics = self.metrics
            tx.afterCommit { metrics.count(answer.detail) }
            return try await handle.record(in: tx)
        }
        try faults.step(.afterRemovalReported)
        return receipt
    }

    /// Removes every version and every open multipart upload of exactly this key, and proves that nothing is left.
    private func removeAll(_ order: Order, _ handle: StepHandle) async throws(StepFailure) {
        do {
            try await caution.check(order.version, handle)
            try await refuseIfHeld(order)
            try await database { () throws(DatabaseError) in try await order.note(on: pool) }
            try faults.step(.beforeBytesDeleted)
            let removed = try await store { () throws(StoreFailure) in
                try await remover.remove(order.objectKey, multipartID: order.multipartID)
            }
            try faults.step(.afterBytesDeleted)
            try await database { () throws(DatabaseError) in
                try await RemovalStore.recordAbsent(order, removed, on: pool)
            }
        } catch {
            guard !error.isPause else { throw error }
            if handle.attemptCount >= Self.alarmAttemptCount { await raiseAlarm(order, error, handle) }
            throw error
        }
    }

    /// The order came from a row that was doomed; should this service know better, it touches nothing.
    private func refuseIfHeld(_ order: Order) async throws(StepFailure) {
        guard ObjectKey(order.objectKey)?.tenant == order.tenant else {
            throw .definite("not a key of ours: \(order.objectKey)")
        }
        let isHeld = try await database { () throws(DatabaseError) in
            try await DocumentStore.isHeld(order, on: pool)
        }
        if isHeld { throw .definite("another file rests on the bytes of \(order.objectKey)") }
    }

    /// Told once; when it cannot be told now, the next failure tries again.
    private func raiseAlarm(_ order: Order, _ failure: StepFailure, _ handle: StepHandle) async {
        _ = try? await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            guard let at = try await RemovalStore.recordStalled(order, in: tx) else { return }
            let doorbell = self.doorbell
            tx.afterCommit { doorbell.ring() }
            try Outbox.append(order.stalled("\(failure)", handle.attemptCount, at: at), in: tx)
        }
    }

    private func database<Value: Sendable>(
        _ body: () async throws(DatabaseError) -> Value
    ) async throws(StepFailure) -> Value {
        do { return try await body() } catch { throw .transient("\(error)") }
    }

    private func store<Value: Sendable>(
        _ body: () async throws(StoreFailure) -> Value
    ) async throws(StepFailure) -> Value {
        do { return try await body() } catch { throw .transient("object store: \(error)") }
    }
}
