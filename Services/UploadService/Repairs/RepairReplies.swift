import EventContracts
import PostgresClient

import struct FoundationEssentials.UUID

/// What the cleanup consumer answers to the orders of repairs. An answer that comes twice, late, or to an order that was
/// replaced by another one changes nothing.
struct RepairReplies: Sendable {
    let figures: RepairFigures?

    /// - Returns: whether the event was an answer to an order.
    func apply(_ event: FileEvent, in tx: borrowing Transaction) async throws {
        switch event.detail {
        case .objectTrashed(let object):
            try await settle(
                event,
                object.planID,
                .ordered,
                .done,
                "in the trash: \(object.trashKey)",
                in: tx
            )
        case .objectRestored(let object):
            try await settle(event, object.planID, .undoing, .undone, "the object is back", in: tx)
        case .multipartAborted(let upload):
            try await settle(event, upload.planID, .ordered, .done, "aborted", in: tx)
        case .objectKept(let object):
            try await settle(event, object.planID, .ordered, .skipped, "kept: \(object.reason)", in: tx)
            try await settle(event, object.planID, .undoing, .failed, "not undone: \(object.reason)", in: tx)
        case .stored, .deleted, .restored, .purging, .purged, .quarantined, .uploadDiscarded,
            .objectQuarantined,
            .objectUnquarantined, .multipartLeaked, .indexed, .rejected, .bytesRemoved, .removalStalled,
            .uploadBytesRemoved:
            break
        }
    }

    private func settle(
        _ event: FileEvent,
        _ plan: UUID,
        _ from: StoredRepairItem.State,
        _ state: StoredRepairItem.State,
        _ outcome: String,
        in tx: borrowing Transaction
    ) async throws {
        // First the plan, as everybody does: of two last answers at once one must see the other.
        guard try await RepairPlanStore.lock(plan, in: tx) != nil else { return }
        let action = try await RepairItemStore.answer(
            plan,
            order: event.fileID,
            version: event.version,
            from: from,
            to: state,
            outcome,
            in: tx
        )
        guard let action else { return }
        try await RepairPlanStore.finish(plan, in: tx)
        let figures = self.figures
        tx.afterCommit { figures?.count(action, state) }
    }
}
