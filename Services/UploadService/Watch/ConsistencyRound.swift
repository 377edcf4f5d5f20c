import struct FoundationEssentials.UUID

/// What the scheduler does: a full check, a plan of all it found, and that plan as far as the brake allows.
struct ConsistencyRound: ScheduledWork {
    private static let actor = "scheduler"
    /// Between two looks at a check that runs.
    private static let patience: Duration = .seconds(60)

    let checks: ConsistencyChecks
    let repairs: Repairs

    /// The check of somebody else that runs already is as good.
    func check() async throws -> ScheduledCheck {
        let id = try await begin()
        var check = try await checks.wait(for: id, upTo: Self.patience)
        while check.state == .running {
            try Task.checkCancellation()
            check = try await checks.wait(for: id, upTo: Self.patience)
        }
        guard check.state == .completed, let counts = check.counts else {
            throw UnfinishedCheck(id: id, state: check.state)
        }
        return ScheduledCheck(
            id: id,
            isComplete: check.isComplete ?? false,
            findingCount: Self.sum(counts.values)
        )
    }

    func lastCompleteCheck(within limit: Duration) async throws -> ScheduledCheck? {
        guard let check = try await checks.newest(complete: true), let counts = check.counts,
            try await checks.holds(check), check.ageSeconds <= Double(limit.components.seconds)
        else { return nil }
        return ScheduledCheck(id: check.id, isComplete: true, findingCount: Self.sum(counts.values))
    }

    private static func sum(_ counts: some Sequence<Int64>) -> Int64 {
        counts.reduce(0) { $0.addingReportingOverflow($1).partialValue }
    }

    private func begin() async throws(CheckRefusal) -> UUID {
        do throws(CheckRefusal) { return try await checks.start(CheckRequest(requestedBy: Self.actor)) } catch
        {
            guard case .running(let other) = error else { throw error }
            return other
        }
    }

    func plan(of check: UUID) async throws -> ScheduledPlan {
        let plan = try await repairs.plan(
            check: check,
            scope: .full,
            by: Self.actor,
            reason: "scheduled check"
        )
        return ScheduledPlan(id: plan.id, itemCount: plan.itemCount)
    }

    func run(_ plan: UUID) async throws -> String {
        let outcome = try await repairs.run(plan, by: Self.actor, confirm: nil)
        return outcome.counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(
            separator: ", "
        )
    }
}

/// A scheduled check that was cancelled or failed.
struct UnfinishedCheck: Error {
    let id: UUID
    let state: StoredCheck.State
}
