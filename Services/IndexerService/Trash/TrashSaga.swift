import AuditTrail
import Determinism
import EventBinding
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceParts
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// Takes objects nobody has a row for to the trash, and back; aborts multipart uploads nobody knows of. Its orders come from
/// repairs, whose plans an operator or the scheduler let run.
///
///     carry-out ─ report
///
/// The upload service has looked before it ordered; here everything is looked at again, and in doubt the object is kept. An
/// original goes only when its copy was proven and the audit record is committed, and only if it is still the one ordered.
struct TrashSaga: Sendable {
    static let kind = "trash.v1"

    let pool: PostgresPool
    let store: any ObjectStore
    let bucket: BucketIdentity
    let mover: ObjectMover
    let caution: RemovalCaution
    let doorbell: Doorbell
    let metrics: IndexerMetrics
    let faults: any Faults
    /// The longest time after which a request that was under way can still have its effect.
    let late: Duration

    static let auditActor = "indexer-service"

    func steps() throws(MalformedSaga) -> Saga<Order> {
        try Saga(
            Self.kind,
            [
                Step("carry-out", .retriable, run: carryOut),
                Step("report", .retriable, run: report),
            ]
        )
    }

    private func carryOut(_ order: Order, _: StepHandle) async throws(StepFailure) -> StepReceipt {
        do {
            guard let standing = try await TrashStore.standing(of: order, on: pool), standing.isNewest,
                standing.outcome == nil
            else { return .unrecorded }
            let isVoid = try await caution.epoch(voiding: order.version) != nil
            try await bucket.confirm()
            let outcome = isVoid ? try await outcome(ofVoid: order) : try await outcome(of: order)
            // Nil: a newer order has taken over.
            if let outcome { try await TrashStore.answer(order, outcome, on: pool) }
            return .unrecorded
        } catch let failure as StepFailure { throw failure } catch { throw .transient("\(error)") }
    }

    private func outcome(of order: Order) async throws -> Outcome? {
        // The reader of the log has checked this too; here it costs nothing and is the last time.
        guard ObjectKey(order.objectKey)?.tenant == order.tenant else { return .kept("not a key of ours") }
        switch order.task {
        case .quarantine(let trashKey, let size, let etag):
            return try await quarantine(order, trashKey, size, etag)
        case .restore(let trashKey, let size): return try await restore(order, trashKey, size)
        case .abort(let id):
            try await audit(
                "multipart.aborted",
                order,
                id,
                before: ["object_key": order.objectKey, "multipart_id": id, "tenant": order.tenant]
            )
            try await store.abortMultipartUpload(order.objectKey, uploadID: id)
            return .aborted
        }
    }

    /// Given by a database that is no more: the one in its place may have a row with the key. Nothing is moved for it; what had been done is
    /// told as it is, so that it can be taken back.
    private func outcome(ofVoid order: Order) async throws -> Outcome {
        if case .quarantine(let trashKey, let size, _) = order.task,
            let entry = try await TrashStore.find(order, on: pool), entry.trashKey == trashKey,
            entry.state == "REMOVING" || entry.state == "TRASHED",
            try await store.head(order.objectKey) == nil, try await store.head(trashKey)?.size == size
        {
            try await TrashStore.noteTrashed(order, on: pool)
            return .trashed
        }
        return .kept(Self.void)
    }

    static let void = "the order is of an earlier epoch of the database"

    func audit(
        _ action: String,
        _ order: Order,
        _ what: String,
        before: [String: String?],
        after: [String: String?]? = nil
    ) async throws(DatabaseError) {
        try await AuditTrail.append(
            AuditEntry(
                actor: Self.auditActor,
                action: action,
                subject: order.objectKey,
                reason: "plan \(order.planID.text): \(what)",
                before: AuditEntry.object(before),
                after: after.map { AuditEntry.object($0) }
            ),
            on: pool
        )
    }

    /// Also of an order that was answered before: its answer may have been lost.
    private func report(_ order: Order, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        try faults.step(.beforeTrashReported)
        let receipt = try await pool.withStepTransaction { tx in
            let (doorbell, metrics) = (self.doorbell, self.metrics)
            tx.afterCommit { doorbell.ring() }
            if let standing = try await TrashStore.standing(of: order, in: tx), let outcome = standing.outcome
            {
                let answer = order.answer(outcome.0, at: outcome.1)
                try Outbox.append(answer, in: tx)
                tx.afterCommit { metrics.count(answer.detail) }
            }
            return try await handle.record(in: tx)
        }
        try faults.step(.afterTrashReported)
        return receipt
    }
}
