import Determinism
import EventContracts
import FaultPoints
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

/// Both services, their databases and one bucket; the test carries the events.
@Suite("what is taken away comes back byte for byte", .timeLimit(.minutes(4)))
struct TrashAndUndoTests {
    private static let text = String(repeating: "bytes nobody has a row for\n", count: 500)

    private func trash(_ service: ServiceUnderTest, _ rig: TrashRig) async throws -> (
        RepairPlan, OrphanSample
    ) {
        let (check, object) = try await service.plantRipeOrphan(Self.text)
        let plan = try await service.plan(check)
        _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
        try await rig.apply(try await service.orders())
        try await rig.settle()
        try await service.take(try await rig.answers())
        return (plan, object)
    }

    private func read(_ key: String, _ store: S3Store) async throws -> String? {
        guard try await store.head(key) != nil else { return nil }
        let bytes = try await store.get(key).body.reduce(into: [UInt8]()) { $0 += $1.readableBytesView }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [5 << 30, 100] as [Int64])
    func anObjectGoesAndComesBack(_ copyLimit: Int64) async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store, copyLimit: copyLimit) { rig in
                let (plan, object) = try await trash(service, rig)
                #expect(try await service.repairs.outcome(of: plan.id).plan.state == .done)
                #expect(try await service.store.head(object.key) == nil)
                let trashKey = try #require(try await service.items(of: plan.id).first?.order?.trashKey)
                #expect(try await read(trashKey, service.store) == Self.text)

                let undone = try await service.send(
                    .POST,
                    "/api/v1/repairs/\(plan.id)/undo",
                    as: ServiceUnderTest.root
                )
                #expect(undone.status == 200 && undone.json["state"].text == "UNDOING", "\(undone.text)")
                try await rig.apply(Array(try await service.orders().suffix(1)))
                try await rig.settle()
                try await service.take(try await rig.answers())
                #expect(try await service.repairs.outcome(of: plan.id).plan.state == .undone)
                #expect(try await read(object.key, service.store) == Self.text)
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["UNDONE": 1])
            }
        }
    }

    #if DEBUG
        @Test(
            arguments: [
                .beforeTrashCopied, .afterTrashCopied, .beforeOriginalDeleted, .afterOriginalDeleted,
                .beforeTrashReported,
                .afterTrashReported,
            ] as [FaultPoint],
            [5 << 30, 100] as [Int64]
        )
        func aDeathAnywhereLosesNothing(_ point: FaultPoint, _ copyLimit: Int64) async throws {
            let crash = CrashOnce(at: point, mode: .throw)
            try await ServiceUnderTest.withRepairs { service in
                try await TrashRig.with(service.store, faults: crash, copyLimit: copyLimit) { rig in
                    let (plan, object) = try await trash(service, rig)
                    #expect(crash.reached.contains(point))
                    #expect(try await service.repairs.outcome(of: plan.id).counts == ["DONE": 1])
                    #expect(try await service.store.head(object.key) == nil)
                    _ = try await service.repairs.undo(plan.id, by: "ops/root")
                    try await rig.apply(Array(try await service.orders().suffix(1)))
                    try await rig.settle()
                    try await service.take(try await rig.answers())
                    #expect(try await read(object.key, service.store) == Self.text)
                }
            }
        }

        /// The undo comes while the order is half done; whoever does the order still may go on.
        @Test(
            arguments: [
                .beforeTrashCopied, .afterTrashCopied, .beforeOriginalDeleted, .afterOriginalDeleted,
                .beforeTrashReported,
            ] as [FaultPoint]
        )
        func anUndoOfWhatIsHalfDoneEndsWithTheObjectWhereItWas(_ point: FaultPoint) async throws {
            let crash = CrashOnce(at: point, mode: .throw)
            try await ServiceUnderTest.withRepairs { service in
                try await TrashRig.with(service.store, faults: crash) { rig in
                    let (check, object) = try await service.plantRipeOrphan(Self.text)
                    let plan = try await service.plan(check)
                    _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                    let order = try await service.orders()
                    try await rig.apply(order)
                    try await rig.driveDue()
                    #expect(crash.reached.contains(point))
                    _ = try await service.repairs.undo(plan.id, by: "ops/root")
                    try await rig.apply(Array(try await service.orders().suffix(1)))
                    // The old order is read once more, behind the new one.
                    try await rig.apply(order)
                    try await rig.settle()
                    try await service.take(try await rig.answers())
                    #expect(try await read(object.key, service.store) == Self.text)
                    #expect(try await service.repairs.outcome(of: plan.id).counts == ["UNDONE": 1])
                }
            }
        }
    #endif

    /// Orders come again, answers come twice.
    @Test func redeliveredOrdersChangeNothing() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (plan, object) = try await trash(service, rig)
                let first = try await service.orders()
                rig.forgetAnswers()
                let told = try await rig.answers()
                try await rig.apply(first)
                try await rig.settle()
                let again = try await rig.answers()
                #expect(again == told, "the same answer, byte for byte")
                _ = try await service.repairs.undo(plan.id, by: "ops/root")
                try await rig.apply(Array(try await service.orders().suffix(1)))
                try await rig.settle()
                try await service.take(try await rig.answers())
                // The topic from the start, once more.
                try await rig.apply(try await service.orders())
                try await rig.settle()
                try await service.take(told)
                #expect(try await read(object.key, service.store) == Self.text)
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["UNDONE": 1])
            }
        }
    }

    @Test func whatCameMeanwhileIsKept() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (check, object) = try await service.plantRipeOrphan(Self.text)
                let plan = try await service.plan(check)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                try await service.plantObject("somebody else's", key: object.key)
                try await rig.apply(try await service.orders())
                try await rig.settle()
                try await service.take(try await rig.answers())
                #expect(try await read(object.key, service.store) == "somebody else's")
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["SKIPPED": 1])
            }
        }
    }

    @Test func anUndoOverwritesNothing() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (plan, object) = try await trash(service, rig)
                try await service.plantObject("somebody else's", key: object.key)
                _ = try await service.repairs.undo(plan.id, by: "ops/root")
                try await rig.apply(Array(try await service.orders().suffix(1)))
                try await rig.settle()
                try await service.take(try await rig.answers())
                #expect(try await read(object.key, service.store) == "somebody else's")
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["FAILED": 1])
            }
        }
    }

    /// The index knows of a file the upload database has lost: its bytes are not moved.
    @Test func whatTheIndexHoldsIsKept() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (check, object) = try await service.plantRipeOrphan(Self.text)
                let lost = FileEvent(
                    fileID: UUID(),
                    version: 1,
                    tenant: "acme",
                    owner: "ann",
                    occurredAt: service.wiring.surroundings.time.now,
                    detail: .stored(
                        StoredFile(
                            uploadID: UUID(),
                            name: "acknowledged.txt",
                            contentType: "text/plain",
                            size: object.size,
                            sha256: nil,
                            objectKey: object.key,
                            etag: object.etag
                        )
                    )
                )
                try await rig.apply([lost])
                let plan = try await service.plan(check)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                try await rig.apply(try await service.orders())
                try await eventually("answered") {
                    try await rig.driveDue()
                    try await service.take(try await rig.answers())
                    return try await service.repairs.outcome(of: plan.id).counts == ["SKIPPED": 1]
                }
                #expect(try await read(object.key, service.store) == Self.text)
            }
        }
    }

    @Test func theTrashIsEmptiedWhenItsTimeIsOver() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (plan, object) = try await trash(service, rig)
                let trashKey = try #require(try await service.items(of: plan.id).first?.order?.trashKey)
                try await rig.empty(retention: .seconds(3_600))
                #expect(try await service.store.head(trashKey) != nil)
                try await rig.empty(retention: .zero)
                #expect(try await service.store.head(trashKey) == nil)
                _ = try await service.repairs.undo(plan.id, by: "ops/root")
                try await rig.apply(Array(try await service.orders().suffix(1)))
                try await rig.settle()
                try await service.take(try await rig.answers())
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["FAILED": 1])
                #expect(try await service.store.head(object.key) == nil)
            }
        }
    }
}
