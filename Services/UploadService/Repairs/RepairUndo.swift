import AuditTrail
import Determinism
import Digests
import EventBinding
import EventContracts
import FaultPoints
import Leases
import PostgresClient
import SagaEngine
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// Taking a plan back: objects come back from the trash, files out of quarantine. What cannot be undone stays done.
extension Repairs {
    /// Goes on where an undo was interrupted. What of the plan was not begun never will be.
    func undo(_ id: UUID, by actor: String) async throws(RepairFailure) -> RepairOutcome {
        try await holdingLease { keeper throws(RepairFailure) in
            let plan = try await outcome(of: id).plan
            try await guardian.requireBucket()
            try await beginUndo(plan, actor)
            try await forEachItem(of: plan) { item throws(RepairFailure) in
                try await takeBack(item, plan, actor, keeper)
            }
            try await finish(plan)
        }
        return try await outcome(of: id)
    }

    private func beginUndo(_ plan: RepairPlan, _ actor: String) async throws(RepairFailure) {
        do {
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try await guardian.requireUndo(plan, in: tx)
                guard try await RepairPlanStore.startUndo(plan.id, by: actor, in: tx) else {
                    throw RepairFailure.refused(.state(plan.state))
                }
                try await AuditTrail.append(
                    AuditEntry(
                        actor: actor,
                        action: "repair.undo",
                        subject: plan.id.text,
                        reason: plan.reason,
                        before: AuditEntry.object(["state": plan.state.rawValue, "hash": plan.hash.hex]),
                        after: AuditEntry.object(["state": RepairPlan.State.undoing.rawValue])
                    ),
                    in: tx
                )
            }
        } catch { throw RepairFailure(error) }
    }

    private func takeBack(
        _ item: StoredRepairItem,
        _ plan: RepairPlan,
        _ actor: String,
        _ keeper: LeaseKeeper
    ) async throws(RepairFailure) {
        switch item.state {
        case .planned, .waiting, .ordered, .done, .failed: break
        case .skipped, .undoing, .undone: return
        }
        let lease = try await renewed(keeper)
        try faults.repair(.beforeRepairUndone)
        do {
            let state = try await pool.withTransaction {
                (tx: borrowing Transaction) async throws -> StoredRepairItem.State? in
                let doorbell = self.doorbell
                tx.afterCommit { doorbell.ring() }
                guard try await LeaseStore.isCurrent(lease, in: tx) else { throw RepairFailure.overtaken }
                let planState = try await RepairPlanStore.lock(plan.id, in: tx)
                guard planState == .undoing else { throw RepairFailure.refused(.state(planState ?? .undone)) }
                guard let item = try await RepairItemStore.lock(plan.id, item.item.number, in: tx) else {
                    return nil
                }
                try await guardian.requireUndo(plan, in: tx)
                guard let taken = try await takeBack(item, in: tx) else { return nil }
                let entry = AuditEntry(
                    actor: actor,
                    action: "repair.undo.\(item.item.action.rawValue)",
                    subject: item.item.subject,
                    reason: "plan \(plan.id.text), item \(item.item.number): \(plan.reason)",
                    before: taken.before,
                    after: taken.after
                )
                try await AuditTrail.append(entry, in: tx)
                return taken.state
            }
            if let state { figures.count(item.item.action, state) }
        } catch { throw RepairFailure(error) }
        try faults.repair(.afterRepairUndone)
    }

    /// - Returns: nil when nothing was changed but perhaps the outcome.
    private func takeBack(
        _ item: StoredRepairItem,
        in tx: borrowing Transaction
    ) async throws -> RepairTakenBack? {
        switch (item.state, item.item.action) {
        case (.planned, _), (.waiting, _):
            try await RepairItemStore.settle(item, .skipped, "the plan was undone first", in: tx)
            return RepairTakenBack(
                state: .skipped,
                before: item.item.found(["item": item.state.rawValue]),
                after: AuditEntry.object(["item": StoredRepairItem.State.skipped.rawValue])
            )
        case (.ordered, .quarantine), (.done, .quarantine), (.failed, .quarantine):
            return try await orderBack(item, in: tx)
        // Its answer is still to come; then it is done, and stays so.
        case (.ordered, _): return nil
        case (.done, .markLost), (.done, .remove): return try await bringBack(item, in: tx)
        case (.done, .release): return try await takeIn(item, in: tx)
        case (.done, .adopt): return try await abandonAdoption(item, in: tx)
        case (.done, _): return nil
        case (.skipped, _), (.failed, _), (.undoing, _), (.undone, _): return nil
        }
    }

    private func orderBack(
        _ item: StoredRepairItem,
        in tx: borrowing Transaction
    ) async throws -> RepairTakenBack {
        guard let given = item.order else {
            throw DatabaseError.unexpectedResult("an item without its order")
        }
        let order = try await RepairItemStore.order(item, id: given.id, .undoing, in: tx)
        guard let event = item.orderEvent(order, isUndo: true) else {
            throw DatabaseError.unexpectedResult("an order that cannot be taken back")
        }
        try Outbox.append(event, in: tx)
        return RepairTakenBack(state: .undoing, before: given.record, after: order.record)
    }

    private func bringBack(
        _ item: StoredRepairItem,
        in tx: borrowing Transaction
    ) async throws -> RepairTakenBack? {
        guard let id = item.item.fileID, let file = try await FileStore.lock(id, in: tx),
            file.version == item.afterVersion
        else {
            try await RepairItemStore.settle(item, .done, "not undone: the file has moved on since", in: tx)
            return nil
        }
        let back: File?
        if item.item.action == .remove {
            back = try await FileStore.restore(file, in: tx)
        } else {
            back = try await FileStore.release(file, in: tx)
        }
        guard let back else {
            try await RepairItemStore.settle(
                item,
                .done,
                "not undone: its name is taken, or its time in the trash is over",
                in: tx
            )
            return nil
        }
        try Outbox.append(back.stateEvent, in: tx)
        if item.item.action == .remove {
            try await SagaStore.remove(kind: DeleteSaga.kind, subject: file.id, in: tx)
        }
        try await RepairItemStore.settle(item, .undone, "version \(back.version), AVAILABLE", in: tx)
        return RepairTakenBack(
            state: .undone,
            before: try ShadowRow(file).encoded(),
            after: try ShadowRow(back).encoded()
        )
    }
}
