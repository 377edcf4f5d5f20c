internal import PostgresClient
internal import SagaEngine
internal import ServiceBootstrap
internal import Synchronization

internal import struct FoundationEssentials.UUID

extension SagaTrial {
    /// One fresh saga, disturbed once, driven until its row is gone.
    func run(_ disturbance: SagaDisturbance, at node: SagaNode) async throws {
        let begun = try await begin()
        let subject = begun.claim.subject
        let turn = Turn()
        let disturbed = try disturbed(node, disturbance, turn) { () async throws(StepFailure) -> Void in
            do { _ = try await finish(begun.claim, saga) } catch { throw .transient("\(error)") }
        }
        let first = final(await makeRunner(disturbed).drive(begun.claim, begun.context))
        let end = try await finish(begun.claim, disturbed) ?? first
        guard turn.isTaken else { throw TrialProblem("the node was never reached") }
        if disturbance.mustUnwind(saga, at: node), end == .completed {
            throw TrialProblem("completed although it had to unwind")
        }
        try await check(Outcome(subject: subject, end: end, node: node, disturbance: disturbance))
    }

    /// Lets one process after the other drive the saga until its row is gone.
    private func finish(_ begun: SagaClaim, _ saga: Saga<Context>) async throws -> SagaEnd? {
        var end: SagaEnd?
        var round = 0
        while try await !pool.query(Statements.find, begun.id).isEmpty {
            round += 1
            guard round <= 12 else { throw TrialProblem("the saga has not ended after 12 recoveries") }
            try await answer(begun.subject)
            end = try await recover(makeRunner(saga)) ?? end
        }
        return end
    }

    private func makeRunner(_ saga: Saga<Context>) -> SagaRunner<Context> {
        SagaRunner(saga, pool: pool, random: SystemRandom())
    }

    /// Claims the saga as a process does that finds its lease run out.
    private func recover(_ runner: SagaRunner<Context>) async throws -> SagaEnd? {
        try await pool.execute(Statements.expire, saga.kind)
        let claims = try await SagaStore.claimDue(
            kinds: [saga.kind],
            owner: "trial",
            leaseMilliseconds: 60_000,
            limit: 1,
            on: pool
        )
        guard let claim = claims.first else { return nil }
        return final(await runner.drive(claim, try await resume(claim)))
    }

    private func final(_ end: SagaEnd) -> SagaEnd? {
        switch end {
        case .completed, .compensated: end
        case .postponed, .lost: nil
        }
    }

    // MARK: - The disturbed list

    /// The same list with one node replaced. For an undo the pivot is refused, so that the undo is reached.
    private func disturbed(
        _ node: SagaNode,
        _ disturbance: SagaDisturbance,
        _ turn: Turn,
        overtake: @escaping @Sendable () async throws(StepFailure) -> Void
    ) throws -> Saga<Context> {
        let steps = saga.steps.enumerated().map { index, step in
            guard index == node.step else {
                let mustRefuse = node.isUndo && index == saga.pivotIndex
                return mustRefuse ? Step(step.name, step.kind, run: refuse) : step
            }
            guard node.isUndo, case .compensatable(let undo?) = step.kind else {
                return Step(
                    step.name,
                    step.kind,
                    run: disturb(step.run, disturbance, turn, overtake)
                )
            }
            return Step(
                step.name,
                .compensatable(undo: disturb(undo, disturbance, turn, overtake)),
                run: step.run
            )
        }
        return try Saga(saga.kind, steps)
    }

    private var refuse: Step<Context>.Action {
        { _, _ throws(StepFailure) in throw .definite("refused by the trial") }
    }

    private func disturb(
        _ action: @escaping Step<Context>.Action,
        _ disturbance: SagaDisturbance,
        _ turn: Turn,
        _ overtake: @escaping @Sendable () async throws(StepFailure) -> Void
    ) -> Step<Context>.Action {
        { context, handle throws(StepFailure) in
            guard turn.take() else { return try await action(context, handle) }
            switch disturbance {
            case .refusedBefore: throw .definite("refused by the trial")
            case .troubledBefore: throw .transient("trouble made by the trial")
            case .diedBefore: throw .lost
            case .refusedAfter:
                // What the action recorded itself cannot be refused any more.
                if case .recorded = try await action(context, handle) { return .recorded }
                throw .definite("refused by the trial")
            case .troubledAfter:
                _ = try await action(context, handle)
                throw .transient("trouble made by the trial")
            case .diedAfter:
                _ = try await action(context, handle)
                throw .lost
            case .twice:
                let first = try await action(context, handle)
                do throws(StepFailure) { return try await action(context, handle) } catch {
                    guard error == .lost else { throw error }
                    return first
                }
            case .overtaken:
                try await overtake()
                return try await action(context, handle)
            }
        }
    }
}

/// Whether the disturbance has happened: it happens once.
private final class Turn: Sendable {
    private let taken = Mutex(false)

    var isTaken: Bool { taken.withLock { $0 } }

    /// - Returns: true the first time.
    func take() -> Bool {
        taken.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
    }
}

private enum Statements {
    static let expire: Statement =
        "UPDATE sagas SET lease_until = '-infinity', wake_at = '-infinity' WHERE kind = $1"
    static let find: Statement = "SELECT 1 FROM sagas WHERE id = $1"
}

private struct TrialProblem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
