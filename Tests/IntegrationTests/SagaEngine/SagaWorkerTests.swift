import Determinism
import Logging
import PostgresClient
import SagaEngine
import ServiceBootstrap
import ServiceLifecycle
import TestSupport
import Testing

import struct FoundationEssentials.UUID

@Suite("A worker finishes what a dead process left", .timeLimit(.minutes(1)))
struct SagaWorkerTests {
    private static let takeOver: Statement = "UPDATE sagas SET epoch = epoch + 1"
    private static let count: Statement = "SELECT count(*) FROM sagas"

    private func withWorkers(
        _ trip: Trip,
        count: Int,
        lease: Duration = .milliseconds(600),
        _ body: () async throws -> Void
    ) async throws {
        let runner = try trip.runner()
        let workers = (0..<count).map { _ in
            SagaWorker(
                [SagaKind(runner) { $0.subject }],
                lease: lease,
                pollInterval: .milliseconds(50),
                pool: trip.pool,
                time: SystemTime(),
                random: SystemRandom(),
                logger: quietLogger
            )
        }
        let group = ServiceGroup(services: workers, logger: quietLogger)
        let running = Task { try await group.run() }
        do { try await body() } catch {
            running.cancel()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    @Test func sagasLeftAtEveryPointEndWholeOrWithoutATrace() async throws {
        try await Trip.withWorld { trip in
            let whole = try trip.steps()
            var subjects: [UUID] = []
            for (index, dying) in whole.steps.enumerated() {
                for diesAfter in [false, true] {
                    var steps = whole.steps
                    steps[index] = Step(dying.name, dying.kind) { subject, handle throws(StepFailure) in
                        if diesAfter { _ = try await dying.run(subject, handle) }
                        throw .lost
                    }
                    let claim = try await trip.begin(leaseMilliseconds: 300)
                    let runner = SagaRunner(
                        try Saga(Trip.kind, steps),
                        pool: trip.pool,
                        random: SystemRandom()
                    )
                    #expect(await runner.drive(claim, claim.subject) == .lost)
                    subjects.append(claim.subject)
                }
            }
            try await withWorkers(trip, count: 2) {
                try await eventually { try await trip.pool.query(Self.count).first?.int64(0) == 0 }
            }
            for subject in subjects {
                let effects = try await trip.effects(of: subject)
                #expect(Trip.isWhole(effects), "\(effects)")
            }
        }
    }

    @Test func aLostHeartbeatCancelsTheWork() async throws {
        try await Trip.withWorld { trip in
            let heartbeat = SagaHeartbeat(lease: .milliseconds(300), pool: trip.pool, time: SystemTime())
            let claim = try await trip.begin(leaseMilliseconds: 300)
            let started = Latch()
            async let isCancelled = heartbeat.whileRenewing(claim) {
                started.set()
                do { try await SystemTime().sleep(for: .seconds(30)) } catch { return true }
                return false
            }
            try await eventually { started.isSet }
            try await trip.pool.execute(Self.takeOver)
            #expect(await isCancelled)
        }
    }

    @Test func aHeartbeatKeepsOthersAway() async throws {
        try await Trip.withWorld { trip in
            let lease = Duration.milliseconds(900)
            let heartbeat = SagaHeartbeat(lease: lease, pool: trip.pool, time: SystemTime())
            let claim = try await trip.begin(leaseMilliseconds: lease.wholeMilliseconds)
            try await withWorkers(trip, count: 1) {
                let isCancelled = await heartbeat.whileRenewing(claim) {
                    do { try await SystemTime().sleep(for: lease * 2) } catch { return true }
                    return false
                }
                #expect(!isCancelled)
                #expect(try await trip.effects(of: claim.subject).isEmpty)
                // Nobody renews any more: the worker takes over.
                try await eventually { try await Trip.isWhole(trip.effects(of: claim.subject)) }
            }
        }
    }

    @Test func aStoppedWorkerPutsItsSagaDown() async throws {
        try await Trip.withWorld { trip in
            let started = Latch()
            let slow = try Saga<UUID>(
                Trip.kind,
                [
                    Step("slow", .pivot) { _, _ throws(StepFailure) in
                        started.set()
                        do { try await SystemTime().sleep(for: .seconds(30)) } catch {
                            throw .transient("stopped")
                        }
                        return .unrecorded
                    }
                ]
            )
            let runner = SagaRunner(slow, pool: trip.pool, random: SystemRandom())
            let worker = SagaWorker(
                [SagaKind(runner) { $0.subject }],
                lease: .seconds(60),
                pollInterval: .milliseconds(50),
                pool: trip.pool,
                time: SystemTime(),
                random: SystemRandom(),
                logger: quietLogger
            )
            _ = try await trip.begin(leaseMilliseconds: 0)
            let group = ServiceGroup(services: [worker], logger: quietLogger)
            let running = Task { try await group.run() }
            try await eventually { started.isSet }
            await group.triggerGracefulShutdown()
            try await running.value
            let row = try await trip.pool.query("SELECT lease_until < clock_timestamp() FROM sagas").first
            #expect(try row?.bool(0) == true)
        }
    }
}
