import Determinism
import EventContracts
import Foundation
import Logging
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import Synchronization
import TestSupport
import Testing

@testable import UploadService

/// A database's clock cannot be moved alone, but everything it was compared with can: two days are taken off every instant it
/// has written.
@Suite("I37 a clock that jumps makes nothing old enough to go", .timeLimit(.minutes(2)))
struct ClockJumpTests {
    private static let jump: [Statement] = [
        "UPDATE clock_watch SET seen_at = seen_at - interval '2 days'",
        "UPDATE files SET delete_after = delete_after - interval '2 days'",
        "UPDATE uploads SET expires_at = expires_at - interval '2 days'",
        "UPDATE sagas SET wake_at = wake_at - interval '2 days', lease_until = lease_until - interval '2 days'",
        "UPDATE orphan_sightings SET first_seen_at = first_seen_at - interval '2 days'",
    ]
    /// What was put off while the clock was not believed.
    private static let wake: Statement = "UPDATE sagas SET wake_at = '-infinity', lease_until = '-infinity'"
    private static let believe: Statement = "UPDATE clock_watch SET seen_at = clock_timestamp()"

    /// An object that was seen without a row half a minute ago, and is seen again after the jump; a file in the trash; an open session.
    private func prepare(_ service: ServiceUnderTest) async throws -> (file: String, OrphanSample, RepairPlan)
    {
        let file = try await service.upload("trashed.txt").id
        #expect(try await service.delete(file) == 200)
        let (_, opened) = try await SessionClient.open("open.bin", 6 << 20, on: service)
        #expect(opened.status == 201)
        let object = try await service.plantObject()
        try await service.plantSightings(of: object, seconds: 30)
        for statement in Self.jump { _ = try await service.pool.execute(statement) }
        let check = try await service.plantCheck()
        try await service.plantFinding(.orphanObject, of: object, in: check)
        return (file, object, try await service.plan(check))
    }

    private func options(_ options: inout ServiceOptions) {
        options.limits.quarantineAge = .seconds(86_400)
        options.limits.retention = .seconds(86_400)
        options.limits.sessionExpiry = .seconds(86_400)
        options.limits.expiryInterval = .milliseconds(50)
    }

    @Test func nothingGoesInTheMomentOfTheJump() async throws {
        try await ServiceUnderTest.withRepairs {
            options(&$0)
        } _: { service in
            let (file, object, plan) = try await prepare(service)
            #expect(try await SafeMode.isOn(on: service.pool))
            try await service.expectNothingOrdered()
            await #expect(throws: RepairFailure.self) {
                try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
            }
            #expect(try await service.orders().isEmpty)
            #expect(try await service.state(of: file) == "DELETED")
            #expect(try await service.ledger.uploads().contains("open.bin PENDING"))
            #expect(try await service.store.head(object.key) != nil)
        }
    }

    /// What it protects from: the same jump, and nobody who holds the clock against anything.
    @Test func withoutAWatchAllOfItWouldGo() async throws {
        try await ServiceUnderTest.withRepairs {
            options(&$0)
        } _: { service in
            let (file, _, plan) = try await prepare(service)
            _ = try await service.pool.execute(Self.believe)
            _ = try await service.pool.execute(Self.wake)
            _ = try await service.repairs.with(age: .seconds(86_400), objectAge: .zero)
                .run(plan.id, by: "ops/root", confirm: nil)
            #expect(try await service.orders().map(\.type) == [.objectQuarantined])
            try await eventually { try await service.state(of: file) == "PURGING" }
            try await eventually { try await service.ledger.uploads().contains("open.bin EXPIRED") }
        }
    }

    /// The watch tells the jump by its own clock, forwards and back; what was seen before counts for nothing afterwards.
    @Test func theWatchEntersSafeMode() async throws {
        try await ServiceUnderTest.withRepairs {
            options(&$0)
        } _: { service in
            let object = try await service.plantObject()
            try await service.plantSightings(of: object)
            let time = ShiftedTime()
            let world = RestoredWorld(bucket: service.bucket, store: service.store)
            let watch = world.watch(service.pool, time: time)
            #expect(try await !watch.look())
            for (shift, epoch) in [(Duration.seconds(-172_800), 1), (.zero, 2)] as [(Duration, Int64)] {
                time.shift(by: shift)
                #expect(try await watch.look())
                #expect(try await !watch.look(), "once is enough")
                let standing = try await SafeMode.standing(on: service.pool)
                #expect(standing.epoch == epoch)
                #expect(standing.stay?.cause.contains("clock has jumped") == true)
            }
            #expect(try await service.leaveSafeMode())
            let check = try await service.plantCheck()
            try await service.plantFinding(.orphanObject, of: object, in: check)
            let plan = try await service.plan(check)
            let repairs = service.repairs.with(age: .seconds(86_400), objectAge: .zero)
            let outcome = try await repairs.run(plan.id, by: "ops/root", confirm: nil)
            #expect(outcome.counts == ["WAITING": 1])
            // Seen anew, in this epoch, it goes as ever.
            _ = try await service.pool.execute("UPDATE orphan_sightings SET epoch = 2")
            #expect(try await repairs.run(plan.id, by: "ops/root", confirm: nil).counts == ["ORDERED": 1])
        }
    }

    /// When everything was down there is nobody who has seen the clock run: it must agree with the others.
    @Test(arguments: [Duration.zero, .seconds(172_800)])
    func afterAPauseTheClocksMustAgree(_ ahead: Duration) async throws {
        try await ServiceUnderTest.withRepairs { service in
            _ = try await service.pool.execute(Self.jump[0])
            #expect(try await SafeMode.isOn(on: service.pool))
            let world = RestoredWorld(bucket: service.bucket, store: service.store)
            let hasEntered = try await world.watch(service.pool, time: AheadTime(offset: ahead)).look()
            #expect(hasEntered == (ahead > .zero))
            #expect(try await SafeMode.isOn(on: service.pool) == hasEntered)
        }
    }
}

/// A process whose steady clock is put off: as if the database's had gone the other way.
private final class ShiftedTime: TimeSource {
    private let base = SystemTime()
    private let offset = Mutex(Duration.zero)

    func shift(by duration: Duration) { offset.withLock { $0 = duration } }

    var now: Timestamp { base.now }
    var uptime: Duration { base.uptime + offset.withLock { $0 } }
    func sleep(for duration: Duration) async throws(CancellationError) { try await base.sleep(for: duration) }
}
