import Determinism
import PostgresClient
import SagaEngine
import ServiceBootstrap
import TestSupport
import Testing

import struct FoundationEssentials.UUID

@Suite("I33 a saga is driven by one process", .timeLimit(.minutes(1)))
struct SagaStoreTests {
    private static let row: Statement = """
        SELECT epoch, attempts, last_failure, log, wake_at > clock_timestamp(), lease_until > clock_timestamp()
          FROM sagas WHERE id = $1
        """
    private static let expire: Statement = "UPDATE sagas SET lease_until = '-infinity', wake_at = '-infinity'"

    private func claim(_ trip: Trip, lease: Int64 = 60_000, limit: Int = 10) async throws -> [SagaClaim] {
        try await SagaStore.claimDue(
            kinds: [Trip.kind],
            owner: "worker",
            leaseMilliseconds: lease,
            limit: limit,
            on: trip.pool
        )
    }

    private func saga(_ trip: Trip, _ steps: [Step<UUID>]) throws -> SagaRunner<UUID> {
        SagaRunner(
            try Saga(Trip.kind, steps),
            pool: trip.pool,
            random: SystemRandom(),
            backoff: Backoff(base: .seconds(3_600), limit: .seconds(3_600))
        )
    }

    @Test func aSagaIsClaimedWhenItsLeaseIsOverAndNotBefore() async throws {
        try await Trip.withWorld { trip in
            let claim = try await trip.begin(leaseMilliseconds: 3_000)
            #expect(try await self.claim(trip).isEmpty)
            try await eventually { try await self.claim(trip).first?.epoch == claim.epoch + 1 }
            #expect(try await self.claim(trip).isEmpty)
        }
    }

    @Test func claimsAreNeverShared() async throws {
        try await Trip.withWorld { trip in
            for _ in 0..<40 { _ = try await trip.begin(leaseMilliseconds: 0) }
            let claimed = try await withThrowingTaskGroup(of: [UUID].self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var ids: [UUID] = []
                        while let claim = try await self.claim(trip, limit: 1).first { ids.append(claim.id) }
                        return ids
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 40 && Set(claimed).count == 40)
        }
    }

    @Test func aClaimThatWasOvertakenChangesNothing() async throws {
        try await Trip.withWorld { trip in
            let first = try await trip.begin()
            try await trip.pool.execute(Self.expire)
            let second = try #require(try await claim(trip).first)
            let end = try await trip.runner().drive(first, first.subject)
            #expect(end == .lost)
            let row = try #require(try await trip.pool.query(Self.row, first.id).first)
            #expect(try row.int64(0) == second.epoch && row.textArray(3) == ["started 0"])
            #expect(try await trip.runner().drive(second, second.subject) == .completed)
            #expect(Trip.isWhole(try await trip.effects(of: first.subject)))
        }
    }

    @Test func aTransientFailureIsCountedAndPostponed() async throws {
        try await Trip.withWorld { trip in
            let runner = try saga(
                trip,
                [
                    Step("one", .pivot) { _, _ throws(StepFailure) in .unrecorded },
                    Step("two", .retriable) { _, handle throws(StepFailure) in
                        throw .transient("trouble \(handle.attemptCount)")
                    },
                ]
            )
            var claim = try await trip.begin()
            for attempt in 0..<3 {
                // Progress starts the count over; what is recorded before the first failure does not matter.
                #expect(await runner.drive(claim, claim.subject) == .postponed(reason: "trouble \(attempt)"))
                let row = try #require(try await trip.pool.query(Self.row, claim.id).first)
                #expect(try row.int(1) == attempt + 1 && row.text(2) == "trouble \(attempt)")
                #expect(try row.bool(4) && !row.bool(5))
                #expect(try await self.claim(trip).isEmpty)
                try await trip.pool.execute(Self.expire)
                claim = try #require(try await self.claim(trip).first)
            }
        }
    }

    @Test func waitingIsNoFailureAndAWakeUpEndsIt() async throws {
        try await Trip.withWorld { trip in
            let runner = try saga(
                trip,
                [
                    Step("one", .pivot) { _, _ throws(StepFailure) in throw .waiting(.seconds(3_600)) }
                ]
            )
            let claim = try await trip.begin()
            #expect(await runner.drive(claim, claim.subject) == .postponed(reason: nil))
            let row = try #require(try await trip.pool.query(Self.row, claim.id).first)
            #expect(try row.int(1) == 0 && row.isNull(2))
            #expect(try await self.claim(trip).isEmpty)
            try await trip.pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try await SagaStore.wake(kind: Trip.kind, subject: claim.subject, in: tx)
            }
            #expect(try await self.claim(trip).count == 1)
        }
    }

    @Test func aNewOrderStartsOverAndFencesTheOld() async throws {
        try await Trip.withWorld { trip in
            let old = try await trip.begin()
            let new = NewSaga(
                id: UUID.version7(at: SystemTime().now, from: SystemRandom()),
                kind: Trip.kind,
                subject: old.subject,
                context: "{\"new\":1}"
            )
            try await trip.pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try SagaStore.supersede(kind: Trip.kind, [new], in: tx)
            }
            #expect(try await trip.runner().drive(old, old.subject) == .lost)
            let claim = try #require(try await claim(trip).first)
            #expect(claim.context == new.context && claim.log.isEmpty && claim.epoch > old.epoch)
            #expect(try await self.claim(trip).isEmpty)
        }
    }

    /// A deferred step counts only with the next record: a process that dies between them starts it again.
    @Test func aDeferredStepIsStoredWithTheNextRecord() async throws {
        try await Trip.withWorld { trip in
            let runner = try saga(
                trip,
                [
                    Step("one", .compensatable(undo: nil)) { _, _ throws(StepFailure) in .deferred },
                    Step("two", .pivot) { _, _ throws(StepFailure) in throw .transient("dies here") },
                ]
            )
            let claim = try await trip.begin()
            #expect(await runner.drive(claim, claim.subject) == .postponed(reason: "dies here"))
            let row = try #require(try await trip.pool.query(Self.row, claim.id).first)
            #expect(try row.textArray(3) == ["started 0"])
        }
    }

    @Test func aLogOfANewerProgramIsPutDownUntouched() async throws {
        try await Trip.withWorld { trip in
            let claim = try await trip.begin()
            try await trip.pool.execute("UPDATE sagas SET log = '{succeeded 99}', lease_until = '-infinity'")
            let newer = try #require(try await self.claim(trip).first)
            guard case .postponed(_?) = try await trip.runner().drive(newer, newer.subject) else {
                Issue.record("it was driven")
                return
            }
            let row = try #require(try await trip.pool.query(Self.row, claim.id).first)
            #expect(try row.textArray(3) == ["succeeded 99"])
        }
    }

    @Test func theCensusCountsStuckSagas() async throws {
        try await Trip.withWorld { trip in
            for _ in 0..<3 { _ = try await trip.begin() }
            try await trip.pool.execute(
                "UPDATE sagas SET attempts = 9 WHERE id = (SELECT id FROM sagas LIMIT 1)"
            )
            let census = try #require(try await SagaStore.census(stuckAttempts: 5, on: trip.pool).first)
            #expect(census.kind == Trip.kind && census.count == 3 && census.stuckCount == 1)
        }
    }
}
