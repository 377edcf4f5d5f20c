import AuditTrail
import Determinism
import FaultPoints
import Leases
import Logging
import ObjectStore
import PostgresClient
import ServiceParts
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// What became of a plan so far.
struct RepairOutcome: Equatable, Sendable {
    let plan: RepairPlan
    /// Items by state.
    let counts: [String: Int64]
}

/// Plans of what is to be done about findings, run and undone.
///
/// Making a plan changes nothing but the plan itself. A run looks at each item again before it does it, commits an audit
/// record with every action, deletes nothing itself, and may be interrupted anywhere: the next one goes on.
struct Repairs: Sendable {
    let pool: PostgresPool
    let store: any ObjectStore
    let bucket: BucketIdentity
    let doorbell: Doorbell
    let time: any TimeSource
    let random: any RandomSource
    let figures: RepairFigures
    let logger: Logger
    /// For so long an object must have been seen without a row before it goes to the trash.
    let quarantineAge: Duration
    /// So old must it be by the store's clock.
    let objectAge: Duration
    /// How long a file that is removed can be restored by its owner.
    let retention: Duration
    let faults: any Faults
    /// Begins the removal of what an upload has left again, when its saga was lost.
    let reaping: ReapSaga
    /// Nil: nobody said where the indexer is.
    var lookUp: IndexerClient.Lookup?
    /// After this long without a sign of life another process may go on with a run.
    var leaseTTL: Duration = .seconds(60)

    static let leaseName = "repair"
    static let itemLimit = 20_000

    var guardian: RepairGuard { RepairGuard(pool: pool, bucket: bucket, time: time) }

    /// Makes a plan of the findings of a complete check and stores it.
    ///
    /// - Parameters:
    ///   - actor: who asked, as the audit trail names callers.
    ///   - policy: what somebody chose instead of each kind's first action.
    ///   - ids: only these findings; nil for all of the scope.
    ///   - keyed: stores the answer in the transaction that stores the plan.
    func plan(
        check: UUID,
        scope: RepairScope,
        by actor: String,
        reason: String,
        policy: [RepairKind: RepairAction] = [:],
        kinds: [RepairKind]? = nil,
        findings ids: [Int64]? = nil,
        keyed: KeyedAnswer<NewRepairPlan>? = nil
    ) async throws(RepairFailure) -> RepairPlan {
        do {
            guard let facts = try await RepairSourceStore.check(check, on: pool) else {
                throw RepairFailure.noSuchCheck
            }
            guard facts.isCompleted, facts.isComplete else { throw RepairFailure.refused(.checkIncomplete) }
            let items = try await items(of: check, kinds ?? scope.kinds, ids, RepairPlanner(policy: policy))
            let plan = newPlan(check, facts, scope, actor, reason, items)
            return try await keep(NewRepairPlan(plan: plan, items: items), keyed)
        } catch let failure as RepairFailure { throw failure } catch let failure as DatabaseError {
            throw .database(failure)
        } catch { throw .interrupted }
    }

    /// Stores a plan, and that it was made, by whom and why.
    ///
    /// - Parameter keyed: stores the answer in the same transaction.
    func keep(
        _ new: NewRepairPlan,
        _ keyed: KeyedAnswer<NewRepairPlan>?
    ) async throws(RepairFailure) -> RepairPlan {
        do {
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try await RepairPlanStore.insert(new.plan, in: tx)
                try await RepairItemStore.insert(new.items, of: new.plan.id, in: tx)
                try await keyed?.store(new, in: tx)
                // Last: the trail's head stays locked until the commit.
                try await AuditTrail.append(
                    AuditEntry(
                        actor: new.plan.createdBy,
                        action: "repair.planned",
                        subject: new.plan.id.text,
                        reason: new.plan.reason,
                        after: new.plan.record
                    ),
                    in: tx
                )
            }
        } catch { throw RepairFailure(error) }
        return new.plan
    }

    func outcome(of id: UUID) async throws(RepairFailure) -> RepairOutcome {
        do throws(DatabaseError) {
            if let plan = try await RepairPlanStore.find(id, on: pool) {
                return RepairOutcome(plan: plan, counts: try await RepairItemStore.counts(of: id, on: pool))
            }
        } catch { throw .database(error) }
        throw .noSuchPlan
    }

    private func items(
        of check: UUID,
        _ kinds: [RepairKind],
        _ ids: [Int64]?,
        _ planner: RepairPlanner
    ) async throws -> [RepairItem] {
        var items: [RepairItem] = []
        while true {
            let page = try await RepairSourceStore.findings(
                of: check,
                after: items.last?.findingID ?? 0,
                kinds: kinds,
                ids: ids,
                limit: 1_000,
                on: pool
            )
            for finding in page { items.append(planner.item(items.count + 1, finding)) }
            guard items.count <= Self.itemLimit else {
                throw RepairFailure.refused(.tooManyFindings(limit: Self.itemLimit))
            }
            if page.isEmpty { return items }
        }
    }

    /// Stores a plan that no check is behind.
    ///
    /// - Parameter source: what stands in the place of the check.
    func keepUnchecked(
        _ source: UUID,
        _ items: [RepairItem],
        by actor: String,
        _ reason: String,
        _ keyed: KeyedAnswer<NewRepairPlan>?
    ) async throws(RepairFailure) -> RepairPlan {
        let incarnation: String?
        do { incarnation = try await RepairSourceStore.surroundings(on: pool)?.incarnation } catch {
            throw .database(error)
        }
        guard let incarnation else { throw .refused(.replica) }
        let facts = RepairSourceStore.Check(
            isCompleted: true,
            isComplete: true,
            incarnation: incarnation,
            checkedCount: 0
        )
        let plan = newPlan(source, facts, .selection, actor, reason, items)
        return try await keep(NewRepairPlan(plan: plan, items: items), keyed)
    }

    func newPlan(
        _ check: UUID,
        _ facts: RepairSourceStore.Check,
        _ scope: RepairScope,
        _ actor: String,
        _ reason: String,
        _ items: [RepairItem]
    ) -> RepairPlan {
        let id = UUID.version7(at: time.now, from: random)
        let tally = RepairTally(items)
        return RepairPlan(
            id: id,
            checkID: check,
            scope: scope,
            reason: reason,
            createdBy: actor,
            incarnation: facts.incarnation,
            state: .planned,
            stopReason: nil,
            itemCount: Int64(items.count),
            harmCount: tally.harmCount,
            byteCount: tally.byteCount,
            checkedCount: facts.checkedCount,
            hash: PlanHash.of(
                id,
                check: check,
                scope: scope,
                reason: reason,
                incarnation: facts.incarnation,
                checkedCount: facts.checkedCount,
                items
            ),
            startedBy: nil,
            isConfirmed: false,
            createdAt: time.now,
            finishedAt: nil
        )
    }
}
