import Determinism
import Digests
import ObjectStore
import PostgresClient
import ServiceParts

/// What must hold before anything is done about a finding, and while it is done. In doubt nothing is done.
struct RepairGuard: Sendable {
    let pool: PostgresPool
    let bucket: BucketIdentity
    let time: any TimeSource

    /// Beyond this neither clock is believed.
    static let clockTolerance: Duration = .seconds(900)

    /// The check is complete, and of this very database in its present epoch. What the survey of safe mode proposes needs none, and is done
    /// while it is on.
    func requireCheck(_ plan: RepairPlan) async throws(RepairFailure) {
        do {
            let incarnation = plan.hasCheck ? try await checkedIncarnation(plan) : plan.incarnation
            guard let here = try await RepairSourceStore.surroundings(on: pool) else {
                throw RepairFailure.refused(.replica)
            }
            guard incarnation == here.incarnation, plan.incarnation == here.incarnation else {
                throw RepairFailure.refused(.incarnationChanged)
            }
            try requireOneTime(here.now)
            if plan.hasCheck {
                guard try await !SafeMode.isOn(on: pool) else { throw RepairFailure.refused(.safeMode) }
            }
        } catch let failure as RepairFailure { throw failure } catch let failure as DatabaseError {
            throw .database(failure)
        } catch { throw .interrupted }
        try await requireBucket()
    }

    private func checkedIncarnation(_ plan: RepairPlan) async throws -> String {
        guard let check = try await RepairSourceStore.check(plan.checkID, on: pool), check.isCompleted,
            check.isComplete
        else { throw RepairFailure.refused(.checkIncomplete) }
        guard try await CheckStore.holds(plan.checkID, on: pool) else {
            throw RepairFailure.refused(.incarnationChanged)
        }
        return check.incarnation
    }

    /// The same where it counts: in the transaction of each action.
    func require(_ plan: RepairPlan, in tx: borrowing Transaction) async throws {
        guard let here = try await RepairSourceStore.surroundings(in: tx) else {
            throw RepairFailure.refused(.replica)
        }
        guard plan.incarnation == here.incarnation else { throw RepairFailure.refused(.incarnationChanged) }
        if plan.hasCheck {
            guard try await CheckStore.holds(plan.checkID, in: tx) else {
                throw RepairFailure.refused(.incarnationChanged)
            }
            guard try await !SafeMode.isOn(in: tx) else { throw RepairFailure.refused(.safeMode) }
        }
        try requireOneTime(here.now)
    }

    /// What must hold to take a plan back: the database's rows are the newest there are, and its clock tells the time. Another
    /// incarnation than that of the plan will do once an operator has left its safe mode: what lies in the trash must be able to
    /// come back after a failover too. While safe mode is on only what its survey proposed is taken back.
    func requireUndo(_ plan: RepairPlan, in tx: borrowing Transaction) async throws {
        guard let here = try await RepairSourceStore.surroundings(in: tx) else {
            throw RepairFailure.refused(.replica)
        }
        if try await SafeMode.isOn(in: tx) {
            guard plan.incarnation == here.incarnation else {
                throw RepairFailure.refused(.incarnationChanged)
            }
            guard !plan.hasCheck else { throw RepairFailure.refused(.safeMode) }
        }
        try requireOneTime(here.now)
    }

    func requireBucket() async throws(RepairFailure) {
        do { try await bucket.confirm() } catch { throw .refused(.foreignBucket("\(error)")) }
    }

    /// The brake: what takes away much needs a person, who shows with the hash that it was this plan that was looked at.
    func requireConfirmation(_ plan: RepairPlan, _ confirm: String?) throws(RepairFailure) {
        if let confirm {
            guard confirm == plan.hash.hex else { throw .refused(.wrongHash) }
        } else if plan.needsConfirmation, !plan.isConfirmed {
            throw .unconfirmed(plan)
        }
    }

    /// An order of items that was edited after the plan was made is not carried out.
    func requireUnchanged(_ plan: RepairPlan) async throws(RepairFailure) {
        var items: [RepairItem] = []
        do throws(DatabaseError) {
            while true {
                let page = try await RepairItemStore.page(
                    of: plan.id,
                    after: items.last?.number ?? 0,
                    limit: 1_000,
                    on: pool
                )
                items += page.map(\.item)
                if page.count < 1_000 { break }
            }
        } catch { throw .database(error) }
        let hash = PlanHash.of(
            plan.id,
            check: plan.checkID,
            scope: plan.scope,
            reason: plan.reason,
            incarnation: plan.incarnation,
            checkedCount: plan.checkedCount,
            items
        )
        let facts = RepairTally(items)
        guard hash == plan.hash, Int64(items.count) == plan.itemCount, facts.harmCount == plan.harmCount,
            facts.byteCount == plan.byteCount
        else { throw .refused(.planChanged) }
    }

    private func requireOneTime(_ now: Timestamp) throws(RepairFailure) {
        let difference = time.now.duration(since: now)
        let isClose = difference < Self.clockTolerance && .zero - difference < Self.clockTolerance
        guard isClose else {
            throw .refused(.clocksDiffer)
        }
    }
}

/// What the brake counts.
struct RepairTally: Equatable, Sendable {
    var harmCount: Int64 = 0
    /// Saturates.
    var byteCount: Int64 = 0

    init(_ items: [RepairItem]) {
        for item in items where item.action.isHarmful {
            harmCount += 1
            let (sum, isOverflow) = byteCount.addingReportingOverflow(max(0, item.size ?? 0))
            byteCount = isOverflow ? .max : sum
        }
    }
}
