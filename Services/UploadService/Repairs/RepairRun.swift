import AuditTrail
import Determinism
import Digests
import Leases
import Logging
import PostgresClient

import struct FoundationEssentials.UUID

/// Running a plan, item by item.
extension Repairs {
    /// Carries out a plan, or goes on with it. What cannot be done now is left for a later run; what does not hold any more
    /// is skipped. Comes back when every item was looked at once: orders to the cleanup consumer may still be open.
    ///
    /// - Parameter confirm: the plan's hash, hexadecimal; needed when the brake says so, and held against the plan whenever it is given.
    func run(_ id: UUID, by actor: String, confirm: String?) async throws(RepairFailure) -> RepairOutcome {
        try await holdingLease { keeper throws(RepairFailure) in
            let plan = try await outcome(of: id).plan
            switch plan.state {
            case .planned, .running, .stopped, .done: break
            case .undoing, .undone: throw .refused(.state(plan.state))
            }
            try guardian.requireConfirmation(plan, confirm)
            try await stoppingOnFailure(plan) { () throws(RepairFailure) in
                try await guardian.requireCheck(plan)
                try await guardian.requireUnchanged(plan)
                try await begin(plan, actor, isConfirmed: confirm != nil)
                try await forEachItem(of: plan) { item throws(RepairFailure) in
                    guard item.state == .planned || item.state == .waiting else { return }
                    try await carryOut(item, plan, actor, keeper)
                }
            }
            try await finish(plan)
        }
        return try await outcome(of: id)
    }

    /// One run, or undo, at a time: the lease is this call's own, so that two of this process exclude each other too.
    func holdingLease(
        _ body: (LeaseKeeper) async throws(RepairFailure) -> Void
    ) async throws(RepairFailure) {
        let keeper = LeaseKeeper(
            Self.leaseName,
            ttl: leaseTTL,
            pool: pool,
            time: time,
            random: random
        )
        do throws(DatabaseError) {
            guard try await keeper.acquireOrRenew() != nil else { throw DatabaseError.cancelled }
        } catch {
            if case .cancelled = error { throw .busy }
            throw .database(error)
        }
        do throws(RepairFailure) { try await body(keeper) } catch {
            try? await keeper.release()
            throw error
        }
        try? await keeper.release()
    }

    /// Calls `body` for every item, in their order, as they are at that moment.
    func forEachItem(
        of plan: RepairPlan,
        _ body: (StoredRepairItem) async throws(RepairFailure) -> Void
    ) async throws(RepairFailure) {
        var last = 0
        while true {
            let page: [StoredRepairItem]
            do {
                page = try await RepairItemStore.page(of: plan.id, after: last, limit: 200, on: pool)
            } catch { throw .database(error) }
            for item in page { try await body(item) }
            guard let end = page.last else { return }
            last = end.item.number
        }
    }

    /// The lease, renewed: it must be held for the transaction that follows.
    func renewed(_ keeper: LeaseKeeper) async throws(RepairFailure) -> Lease {
        if Task.isCancelled { throw .interrupted }
        do {
            if let lease = try await keeper.acquireOrRenew() { return lease }
        } catch { throw .database(error) }
        throw .overtaken
    }

    private func begin(
        _ plan: RepairPlan,
        _ actor: String,
        isConfirmed: Bool
    ) async throws(RepairFailure) {
        do {
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                guard
                    try await RepairPlanStore.start(plan.id, by: actor, isConfirmed: isConfirmed, in: tx)
                else { throw RepairFailure.refused(.state(.undoing)) }
                try await AuditTrail.append(
                    AuditEntry(
                        actor: actor,
                        action: "repair.run",
                        subject: plan.id.text,
                        reason: plan.reason,
                        before: AuditEntry.object(["state": plan.state.rawValue]),
                        after: #"{"hash":"\#(plan.hash.hex)","is_confirmed":\#(isConfirmed)}"#
                    ),
                    in: tx
                )
            }
        } catch { throw RepairFailure(error) }
    }

    /// What keeps one item from being looked at keeps the others too: the plan stops, and says why.
    private func stoppingOnFailure(
        _ plan: RepairPlan,
        _ body: () async throws(RepairFailure) -> Void
    ) async throws(RepairFailure) {
        do { try await body() } catch {
            switch error {
            case .refused(let refusal): await stop(plan, refusal.sentence)
            case .store(let failure): await stop(plan, "The object store: \(failure)")
            case .database, .key, .interrupted, .overtaken, .busy, .noSuchPlan, .noSuchCheck, .unconfirmed:
                break
            }
            throw error
        }
    }

    private func stop(_ plan: RepairPlan, _ reason: String) async {
        figures.failed()
        logger.error("a repair was stopped", metadata: ["plan": "\(plan.id.text)", "reason": "\(reason)"])
        // Should it not be written down, the plan stays RUNNING, and the next to go on meets the same.
        try? await RepairPlanStore.stop(plan.id, String(reason.prefix(500)), on: pool)
    }

    /// Ends the plan if nothing is open.
    func finish(_ plan: RepairPlan) async throws(RepairFailure) {
        do {
            try await pool.withTransaction {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                _ = try await RepairPlanStore.lock(plan.id, in: tx)
                try await RepairPlanStore.finish(plan.id, in: tx)
            }
        } catch { throw RepairFailure(error) }
    }
}
