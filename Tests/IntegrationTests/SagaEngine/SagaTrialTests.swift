import PostgresClient
import SagaEngine
import TestSupport
import Testing

import struct FoundationEssentials.UUID

@Suite("A saga ends whole or without a trace", .timeLimit(.minutes(1)))
struct SagaTrialTests {
    private struct HalfDone: Error { let effects: [String] }

    private func makeTrial(_ trip: Trip) throws -> SagaTrial<UUID> {
        SagaTrial(
            try trip.steps(),
            pool: trip.pool,
            begin: {
                let claim = try await trip.begin()
                return .init(claim: claim, context: claim.subject)
            },
            resume: { $0.subject },
            check: { outcome in
                let effects = try await trip.effects(of: outcome.subject)
                let isRight =
                    switch outcome.end {
                    case .completed: Trip.isWhole(effects)
                    case .compensated: effects.isEmpty
                    default: effects.isEmpty || Trip.isWhole(effects)
                    }
                guard isRight else { throw HalfDone(effects: effects) }
            }
        )
    }

    @Test func failingAtEachNode() async throws {
        let count = try await Trip.withWorld { try await makeTrial($0).failAtEachNode() }
        #expect(count == 18)
    }

    @Test func everyDoTwice() async throws {
        let count = try await Trip.withWorld { try await makeTrial($0).everyDoTwice() }
        #expect(count == 4)
    }

    @Test func everyUndoTwice() async throws {
        let count = try await Trip.withWorld { try await makeTrial($0).everyUndoTwice() }
        #expect(count == 2)
    }

    @Test func dyingAtEachNode() async throws {
        let count = try await Trip.withWorld { try await makeTrial($0).dieAtEachNode() }
        #expect(count == 12)
    }

    @Test func beingOvertakenAtEachNode() async throws {
        let count = try await Trip.withWorld { try await makeTrial($0).overtakeAtEachNode() }
        #expect(count == 6)
    }

    /// The trial itself must be able to fail: an undo that forgets something is found.
    @Test func aForgottenUndoIsFound() async throws {
        try await Trip.withWorld { trip in
            let whole = try trip.steps()
            var steps = whole.steps
            steps[0] = Step("car", .compensatable(undo: nil), run: whole.steps[0].run)
            let trial = SagaTrial(
                try Saga(Trip.kind, steps),
                pool: trip.pool,
                begin: {
                    let claim = try await trip.begin()
                    return .init(claim: claim, context: claim.subject)
                },
                resume: { $0.subject },
                check: { outcome in
                    let effects = try await trip.effects(of: outcome.subject)
                    if !effects.isEmpty, !Trip.isWhole(effects) { throw HalfDone(effects: effects) }
                }
            )
            await #expect(throws: SagaTrialFailure.self) { try await trial.failAtEachNode() }
        }
    }
}
