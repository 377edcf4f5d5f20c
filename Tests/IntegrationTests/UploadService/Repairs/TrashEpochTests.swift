import EventContracts
import FaultPoints
import Foundation
import ObjectStore
import PostgresClient
import ServiceParts
import Testing

@testable import UploadService

/// The database that ordered is no more; the one in its place may have a row with the key.
@Suite("I37 orders of repairs of an earlier epoch move nothing", .timeLimit(.minutes(2)))
struct TrashEpochTests {
    private func marks(_ service: ServiceUnderTest) -> EpochMarks {
        EpochMarks(
            store: service.store,
            bucket: BucketIdentity(store: service.store, pool: service.pool)
        )
    }

    /// What the repair has ordered of one object.
    private func ordered(_ service: ServiceUnderTest) async throws -> (RepairPlan, OrphanSample, [FileEvent])
    {
        let (check, object) = try await service.plantRipeOrphan()
        let plan = try await service.plan(check)
        _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
        return (plan, object, try await service.orders())
    }

    @Test func theObjectStaysAndThePlanIsTold() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (plan, object, orders) = try await ordered(service)
                try await marks(service).begin(1)
                try await rig.apply(orders)
                try await rig.settle()
                #expect(try await service.store.head(object.key) != nil)
                try await service.take(try await rig.answers())
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["SKIPPED": 1])
            }
        }
    }

    @Test func norDoesItComeBackByOne() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (plan, object, orders) = try await ordered(service)
                try await rig.apply(orders)
                try await rig.settle()
                try await service.take(try await rig.answers())
                #expect(try await service.store.head(object.key) == nil)
                _ = try await service.repairs.undo(plan.id, by: "ops/root")
                try await marks(service).begin(1)
                try await rig.apply(Array(try await service.orders().suffix(1)))
                try await rig.settle()
                #expect(try await rig.answers().map(\.type) == [.objectKept])
                #expect(try await service.store.head(object.key) == nil)
            }
        }
    }

    /// An epoch has begun, an operator has looked, and orders again.
    @Test func thoseOfThePresentCount() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let world = RestoredWorld(bucket: service.bucket, store: service.store)
                try await marks(service).begin(1)
                #expect(try await world.watch(service.pool).look())
                #expect(try await service.leaveSafeMode())
                let (check, object) = try await service.plantRipeOrphan()
                _ = try await service.pool.execute("UPDATE orphan_sightings SET epoch = 2")
                let plan = try await service.plan(check)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                let orders = try await service.orders()
                #expect(orders.map { FileVersion.epoch(of: $0.version) } == [2])
                try await rig.apply(orders)
                try await rig.settle()
                #expect(try await rig.answers().map(\.type) == [.objectTrashed])
                #expect(try await service.store.head(object.key) == nil)
            }
        }
    }

    #if DEBUG
        /// The epoch begins while an order is half done.
        @Test(
            arguments: [
                (.beforeTrashCopied, true), (.afterTrashCopied, true), (.beforeOriginalDeleted, true),
                (.afterOriginalDeleted, false),
            ] as [(FaultPoint, Bool)]
        )
        func whatIsHalfDoneGoesNoFurther(_ point: FaultPoint, _ stays: Bool) async throws {
            try await ServiceUnderTest.withRepairs { service in
                try await TrashRig.with(service.store, faults: CrashOnce(at: point, mode: .throw)) { rig in
                    let (plan, object, orders) = try await ordered(service)
                    try await rig.apply(orders)
                    try await rig.driveDue()
                    try await marks(service).begin(1)
                    try await rig.settle()
                    let isThere = try await service.store.head(object.key) != nil
                    #expect(isThere == stays)
                    try await service.take(try await rig.answers())
                    let counts = try await service.repairs.outcome(of: plan.id).counts
                    #expect(counts == [stays ? "SKIPPED" : "DONE": 1])
                }
            }
        }
    #endif
}
