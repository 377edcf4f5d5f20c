import Foundation
import NIOHTTP1
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("I58 without a record nothing is ordered, moved or destroyed", .timeLimit(.minutes(3)))
struct WithoutRecordTests {
    /// A plan that was stored may begin; what it does cannot be written down.
    static let refuse: Statement = """
        CREATE TRIGGER refuse_records BEFORE INSERT ON audit_entries FOR EACH ROW
        WHEN (NEW.action NOT IN ('repair.run', 'repair.undo')) EXECUTE FUNCTION audit_refuse()
        """
    static let accept: Statement = "DROP TRIGGER refuse_records ON audit_entries"

    /// A check with one finding of each kind that a run takes something away for.
    private func findings(_ service: ServiceUnderTest) async throws -> (check: UUID, file: UUID) {
        let (check, _) = try await service.plantRipeOrphan()
        let key = ServiceUnderTest.newKey()
        _ = try await service.store.createMultipartUpload(key, contentType: nil, metadata: [:])
        for upload in try await service.store.listMultipartUploads(prefix: key, after: nil, limit: 10).uploads
        {
            try await service.plantLeak(upload, in: check)
        }
        let file = try #require(UUID(uuidString: try await service.upload("a.txt").id))
        let row = try #require(
            try await service.pool.query("SELECT object_key FROM files WHERE id = $1", file).first
        )
        try await service.store.delete(try row.text(0), versionID: nil)
        try await service.plantFileFinding(.missingObject, of: file.uuidString, in: check)
        return (check, file)
    }

    private func plan(
        _ kind: RepairKind,
        _ action: RepairAction,
        _ check: UUID,
        _ service: ServiceUnderTest
    ) async throws -> RepairPlan {
        try await service.repairs.plan(
            check: check,
            scope: .full,
            by: "ops/root",
            reason: "a test",
            policy: [kind: action],
            kinds: [kind]
        )
    }

    private func isRun(_ plan: RepairPlan, _ service: ServiceUnderTest) async -> Bool {
        (try? await service.repairs.run(plan.id, by: "ops/root", confirm: nil)) != nil
    }

    @Test(
        arguments: [
            (.orphanObject, .quarantine), (.leakedMultipart, .abort), (.missingObject, .markLost),
            (.missingObject, .remove),
        ] as [(RepairKind, RepairAction)]
    )
    func anActionOfARepair(_ kind: RepairKind, _ action: RepairAction) async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            let (check, _) = try await findings(service)
            let plan = try await plan(kind, action, check, service)
            let leases = "l\(Repairs.leaseName)"
            let before = try await service.snapshot().filter { $0 != leases }
            _ = try await service.pool.execute(Self.refuse)
            #expect(await !isRun(plan, service))
            #expect(try await service.snapshot().filter { $0 != leases } == before)
            #expect(try await service.items(of: plan.id).map(\.state) == [.planned])
            _ = try await service.pool.execute(Self.accept)
            #expect(await isRun(plan, service))
            #expect(try await service.snapshot().filter { $0 != leases } != before)
            #expect(try await service.records("repair.\(action.rawValue)").count == 1)
        }
    }

    @Test func theUndoOfOne() async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            let (check, file) = try await findings(service)
            let plan = try await plan(.missingObject, .markLost, check, service)
            #expect(await isRun(plan, service))
            _ = try await service.pool.execute(Self.refuse)
            await #expect(throws: RepairFailure.self) {
                try await service.repairs.undo(plan.id, by: "ops/root")
            }
            #expect(try await service.state(of: file) == "QUARANTINED")
            _ = try await service.pool.execute(Self.accept)
            #expect(try await service.repairs.undo(plan.id, by: "ops/root").counts == ["UNDONE": 1])
            #expect(try await service.state(of: file) == "AVAILABLE")
        }
    }

    @Test func aPlan() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, _) = try await service.plantRipeOrphan()
            _ = try await service.pool.execute(Self.refuse)
            await #expect(throws: RepairFailure.self) { try await service.plan(check) }
            #expect(try await service.repairCount() == 0)
        }
    }

    @Test func aPurgeThatAUserAsksFor() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let file = try await service.upload("a.txt")
            let id = try #require(UUID(uuidString: file.id))
            _ = try await service.pool.execute(Self.refuse)
            let path = "\(ServiceUnderTest.files)/\(file.id)?purge=true"
            #expect(try await service.send(.DELETE, path).status >= 500)
            #expect(try await service.state(of: id) == "AVAILABLE")
            _ = try await service.pool.execute(Self.accept)
            #expect(try await service.send(.DELETE, path).status == 200)
            let record = try #require(try await service.records("file.purge").first)
            #expect(record.actor == "acme/ann" && record.subject == file.id)
            #expect(record.before?["file"]["state"].text == "AVAILABLE")
            #expect(record.after?["file"]["state"].text == "DELETED")
        }
    }
}

@Suite("I58 without a record nothing leaves the bucket", .timeLimit(.minutes(3)))
struct WithoutRecordInTrashTests {
    /// What a run has ordered of the only orphan.
    private func ordered(_ service: ServiceUnderTest) async throws -> (RepairPlan, OrphanSample) {
        let (check, object) = try await service.plantRipeOrphan()
        let plan = try await service.plan(check)
        _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
        return (plan, object)
    }

    private func failures(_ rig: TrashRig) async throws -> Int {
        try await rig.pool.query("SELECT coalesce(max(attempts), 0)::bigint FROM sagas").first?.int(0) ?? 0
    }

    @Test func anObjectOnItsWayToTheTrash() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (_, object) = try await ordered(service)
                _ = try await rig.pool.execute(WithoutRecordTests.refuse)
                try await rig.apply(try await service.orders())
                try await rig.driveDue()
                #expect(try await failures(rig) > 0)
                #expect(try await service.store.head(object.key)?.etag == object.etag)
                _ = try await rig.pool.execute(WithoutRecordTests.accept)
                try await rig.settle()
                #expect(try await service.store.head(object.key) == nil)
            }
        }
    }

    @Test func aMultipartUpload() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let check = try await service.plantCheck()
                let key = ServiceUnderTest.newKey()
                let id = try await service.store.createMultipartUpload(key, contentType: nil, metadata: [:])
                for upload in try await service.store.listMultipartUploads(prefix: key, after: nil, limit: 10)
                    .uploads
                {
                    try await service.plantLeak(upload, in: check)
                }
                let plan = try await service.plan(check)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                _ = try await rig.pool.execute(WithoutRecordTests.refuse)
                try await rig.apply(try await service.orders())
                try await rig.driveDue()
                #expect(try await failures(rig) > 0)
                #expect(try await service.store.listParts(key, uploadID: id, after: 0).parts.isEmpty)
                _ = try await rig.pool.execute(WithoutRecordTests.accept)
                try await rig.settle()
                await #expect(throws: StoreFailure.self) {
                    try await service.store.listParts(key, uploadID: id, after: 0)
                }
            }
        }
    }

    @Test func whatHasLainInTheTrashForItsTime() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (plan, _) = try await ordered(service)
                try await rig.apply(try await service.orders())
                try await rig.settle()
                let trashKey = try #require(try await service.items(of: plan.id).first?.order?.trashKey)
                _ = try await rig.pool.execute(WithoutRecordTests.refuse)
                await #expect(throws: (any Error).self) { try await rig.empty(retention: .zero) }
                #expect(try await service.store.head(trashKey) != nil)
                _ = try await rig.pool.execute(WithoutRecordTests.accept)
                try await rig.empty(retention: .zero)
                #expect(try await service.store.head(trashKey) == nil)
            }
        }
    }
}

/// A record of the audit trail, with what was and what is.
struct TrailRecord {
    let actor: String
    let subject: String
    let before: JSONValue?
    let after: JSONValue?
}

extension ServiceUnderTest {
    func records(_ action: String) async throws -> [TrailRecord] {
        try await pool.query(
            "SELECT actor, subject, before, after FROM audit_entries WHERE action = $1 ORDER BY number",
            action
        ).map { row in
            TrailRecord(
                actor: try row.text(0),
                subject: try row.text(1),
                before: try row.optionalText(2).map { JSONValue(Array($0.utf8)) },
                after: try row.optionalText(3).map { JSONValue(Array($0.utf8)) }
            )
        }
    }
}
