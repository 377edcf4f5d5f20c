import AuditTrail
import Determinism
import Digests
import EventBinding
import EventContracts
import FaultPoints
import Leases
import ObjectStore
import PostgresClient
import TransactionalOutbox

/// What is to become of an item, decided with its rows locked.
enum RepairVerdict: Sendable {
    /// Not yet.
    case wait(String)
    /// Not any more.
    case skip(String)
    /// Done in this transaction. `before` and `after` are JSON for the audit trail.
    case done(String, before: String?, after: String?, version: Int64?)
    /// The cleanup consumer is to do it.
    case order
}

/// What the store shows of an item, seen before its transaction.
enum RepairSight: Sendable {
    case nothing
    case object(ObjectFacts)
    /// With the instant at which it was begun, where the store lists it.
    case multipart(begun: Timestamp?)
    /// The object's bytes were read again and are what they were.
    case genuine
    /// With the digest of the object's bytes, which were read just now.
    case read(ObjectFacts, Digest256)
    /// The object says which file it is, and its bytes were read.
    case adoptable(AdoptableObject)
    /// Nil: the index has never heard of the file.
    case entry(IndexEntry?, hasObject: Bool)
    /// Who should know could not be asked, and why.
    case unknown(String)
}

/// One item: look, then decide and act in one transaction.
extension Repairs {
    /// Each of these is one transaction: the preconditions, the change or the order, the item's new state and the audit
    /// record commit together, or nothing does.
    func carryOut(
        _ item: StoredRepairItem,
        _ plan: RepairPlan,
        _ actor: String,
        _ keeper: LeaseKeeper
    ) async throws(RepairFailure) {
        let sight = try await look(at: item.item, keeping: keeper)
        let lease = try await renewed(keeper)
        try faults.repair(.beforeRepairCommitted)
        do {
            let state = try await pool.withTransaction {
                (tx: borrowing Transaction) async throws -> StoredRepairItem.State? in
                let doorbell = self.doorbell
                tx.afterCommit { doorbell.ring() }
                guard try await LeaseStore.isCurrent(lease, in: tx) else { throw RepairFailure.overtaken }
                let planState = try await RepairPlanStore.lock(plan.id, in: tx)
                guard planState == .running else { throw RepairFailure.refused(.state(planState ?? .undone)) }
                guard let item = try await RepairItemStore.lock(plan.id, item.item.number, in: tx),
                    item.state == .planned || item.state == .waiting
                else { return nil }
                try await guardian.require(plan, in: tx)
                return try await settle(item, try await verdict(item, sight, in: tx), plan, actor, in: tx)
            }
            if let state { figures.count(item.item.action, state) }
        } catch { throw RepairFailure(error) }
        try faults.repair(.afterRepairCommitted)
    }

    /// A large object may take longer to read than the lease lasts.
    private func look(
        at item: RepairItem,
        keeping keeper: LeaseKeeper
    ) async throws(RepairFailure) -> RepairSight {
        let keeping = Task { await keeper.keep() }
        let sight: Result<RepairSight, RepairFailure>
        do { sight = .success(try await look(at: item)) } catch { sight = .failure(error) }
        // One caller at a time: whoever renews it next waits for this one's end.
        keeping.cancel()
        await keeping.value
        return try sight.get()
    }

    private func settle(
        _ item: StoredRepairItem,
        _ verdict: RepairVerdict,
        _ plan: RepairPlan,
        _ actor: String,
        in tx: borrowing Transaction
    ) async throws -> StoredRepairItem.State {
        switch verdict {
        case .wait(let reason):
            try await RepairItemStore.settle(item, .waiting, reason, in: tx)
            return .waiting
        case .skip(let reason):
            try await RepairItemStore.settle(item, .skipped, reason, in: tx)
            return .skipped
        case .done(let outcome, let before, let after, let version):
            try await RepairItemStore.settle(
                item,
                .done,
                outcome,
                afterVersion: version,
                shadow: before,
                in: tx
            )
            try await audit(item, plan, actor, before, after, in: tx)
            return .done
        case .order:
            let order = try await order(item, in: tx)
            try await audit(item, plan, actor, item.item.found(), order.record, in: tx)
            return .ordered
        }
    }

    private func order(
        _ item: StoredRepairItem,
        in tx: borrowing Transaction
    ) async throws -> StoredRepairItem.Order {
        guard let id = item.orderID else { throw DatabaseError.unexpectedResult("an order without a key") }
        var order = try await RepairItemStore.order(item, id: id, .ordered, in: tx)
        if item.item.action == .quarantine, let key = item.item.objectKey.flatMap({ ObjectKey($0) }) {
            let trashKey = TrashKey(plan: item.planID, objectKey: key, on: order.at).text
            try await RepairItemStore.setTrashKey(trashKey, of: item, in: tx)
            order = StoredRepairItem.Order(
                id: order.id,
                version: order.version,
                at: order.at,
                trashKey: trashKey
            )
        }
        guard let event = item.orderEvent(order, isUndo: false) else {
            throw DatabaseError.unexpectedResult("an item that cannot be ordered")
        }
        try Outbox.append(event, in: tx)
        return order
    }

    /// Last in its transaction: the trail's head stays locked until the commit.
    private func audit(
        _ item: StoredRepairItem,
        _ plan: RepairPlan,
        _ actor: String,
        _ before: String?,
        _ after: String?,
        in tx: borrowing Transaction
    ) async throws {
        let entry = AuditEntry(
            actor: actor,
            action: "repair.\(item.item.action.rawValue)",
            subject: item.item.subject,
            reason: "plan \(plan.id.text), item \(item.item.number): \(plan.reason)",
            before: before,
            after: after
        )
        try await AuditTrail.append(entry, in: tx)
    }
}
