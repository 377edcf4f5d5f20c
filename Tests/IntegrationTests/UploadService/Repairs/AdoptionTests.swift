import Determinism
import Digests
import EventContracts
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

/// Both services and their databases; the test carries the events.
@Suite("an object that lost its row becomes the file it was", .timeLimit(.minutes(4)))
struct AdoptionTests {
    private static let bytes = Array(String(repeating: "bytes that were acknowledged\n", count: 400).utf8)

    /// A file whose rows are gone, as after a restore; the index of `rig` may have heard of it.
    private func lost(
        _ service: ServiceUnderTest,
        _ rig: TrashRig,
        isIndexed: Bool = true,
        isDeclared: Bool = false
    ) async throws -> (id: UUID, object: OrphanSample) {
        let fields = isDeclared ? [("x-content-sha256", Digest256.of(Self.bytes).hex)] : []
        let file = try await service.upload("report \"ü\".txt", Self.bytes, fields: fields)
        let id = try #require(UUID(uuidString: file.id))
        if isIndexed { try await rig.apply(try await service.orders(["file."])) }
        let row = try #require(
            try await service.pool.query("SELECT object_key, etag FROM files WHERE id = $1", id).first
        )
        let object = OrphanSample(key: try row.text(0), size: Int64(Self.bytes.count), etag: try row.text(1))
        try await service.loseRows(of: id)
        return (id, object)
    }

    @Test func theFileIsThereAgainAndAnUndoTakesItsRowAway() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, object) = try await lost(service, rig)
                #expect(try await service.send(.GET, "\(ServiceUnderTest.files)/\(id.text)").status == 404)
                let outcome = try await service.adopt(object, rig)
                #expect(outcome.counts == ["DONE": 1])

                let file = try await service.send(.GET, "\(ServiceUnderTest.files)/\(id.text)")
                #expect(file.json["name"].text == "report \"ü\".txt" && file.json["version"].number == 2)
                let content = try await service.send(.GET, "\(ServiceUnderTest.files)/\(id.text)/content")
                #expect(content.status == 200 && content.body == Self.bytes)
                let told = try #require(try await service.orders(["file."]).last)
                #expect(told.type == .fileRestored && told.version == 2)
                try await rig.apply([told])
                #expect(try await service.verdict(of: id, in: rig) == nil)
                #expect(try await service.entry(of: id, in: rig)?.state == .live)

                #expect(
                    try await service.repairs.undo(outcome.plan.id, by: "ops/root").counts == ["UNDONE": 1]
                )
                #expect(try await service.send(.GET, "\(ServiceUnderTest.files)/\(id.text)").status == 404)
                #expect(try await service.rowCount(of: object.key) == 0)
                #expect(try await service.store.head(object.key) != nil)
                try await rig.apply(try await service.orders(["file."]))
                #expect(try await service.entry(of: id, in: rig)?.state == .purged)

                // What was taken back may be adopted once more, and waits for somebody to look at it.
                #expect(try await service.adopt(object, rig).counts == ["DONE": 1])
                #expect(try await service.state(of: id) == "QUARANTINED")
            }
        }
    }

    /// Without the index the object has to say everything; of what nobody stated, nobody can tell whether it is whole.
    @Test(arguments: [true, false])
    func theObjectAloneIsEnough(_ isDeclared: Bool) async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, object) = try await lost(service, rig, isIndexed: false, isDeclared: isDeclared)
                #expect(try await service.adopt(object, rig).counts == ["DONE": 1])
                #expect(try await service.state(of: id) == (isDeclared ? "AVAILABLE" : "QUARANTINED"))
                let told = try #require(try await service.orders(["file."]).last)
                #expect(told.type == (isDeclared ? .fileStored : .fileQuarantined) && told.owner == "ann")
            }
        }
    }

    @Test func otherBytesAreNotAdopted() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, object) = try await lost(service, rig)
                var changed = Self.bytes
                changed[7] ^= 1
                let metadata = try #require(try await service.store.head(object.key)).metadata
                let stored = try await service.store.put(
                    object.key,
                    body: .bytes(ByteBuffer(bytes: changed)),
                    contentType: nil,
                    metadata: metadata,
                    ifNoneMatchAny: false
                )
                let other = OrphanSample(key: object.key, size: object.size, etag: stored.etag)
                #expect(try await service.adopt(object, rig).counts == ["SKIPPED": 1])
                #expect(try await service.adopt(other, rig).counts == ["SKIPPED": 1])
                #expect(try await service.state(of: id) == nil)
            }
        }
    }

    @Test func whatDoesNotSayWhoseItIsStays() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let object = try await service.plantObject()
                #expect(try await service.adopt(object, rig).counts == ["SKIPPED": 1])
            }
        }
    }

    @Test func nobodyElsesNameOrRowIsTaken() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, object) = try await lost(service, rig)
                let plan = try await service.planAdoption(of: object)
                let other = try await service.upload("report \"ü\".txt")
                #expect(other.status == 201)
                #expect(try await service.adopt(object, rig).counts == ["SKIPPED": 1])
                #expect(try await service.rowCount(of: object.key) == 0)
                try await service.send(.DELETE, "\(ServiceUnderTest.files)/\(other.id)")
                #expect(try await service.adopt(object, rig).counts == ["DONE": 1])
                // A plan of before: the row is there now.
                let late = try await service.asking(rig).run(plan.id, by: "ops/root", confirm: nil)
                #expect(late.counts == ["SKIPPED": 1])
                #expect(try await service.state(of: id) == "AVAILABLE")
            }
        }
    }

    @Test func aFileThatMovedOnIsNotTakenBack() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, object) = try await lost(service, rig)
                let outcome = try await service.adopt(object, rig)
                #expect(
                    try await service.send(.DELETE, "\(ServiceUnderTest.files)/\(id.text)").status == 200
                )
                let undone = try await service.repairs.undo(outcome.plan.id, by: "ops/root")
                #expect(undone.counts == ["DONE": 1] && undone.plan.state == .undone)
                #expect(try await service.state(of: id) == "DELETED")
            }
        }
    }

    @Test func theTenantIsChargedOnce() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (_, object) = try await lost(service, rig)
                let quota = QuotaActions(pool: service.pool)
                _ = try await quota.set("acme", byteLimit: 1_000_000, by: "ops/root")
                let outcome = try await service.adopt(object, rig)
                #expect(try await QuotaStore.find("acme", on: service.pool)?.usedBytes == object.size)
                _ = try await service.repairs.undo(outcome.plan.id, by: "ops/root")
                #expect(try await QuotaStore.find("acme", on: service.pool)?.usedBytes == 0)
                #expect(try await QuotaStore.drifts(on: service.pool).isEmpty)
            }
        }
    }
}

extension ServiceUnderTest {
    /// As a restored backup that was made before the file was stored.
    func loseRows(of id: UUID) async throws {
        _ = try await pool.execute("DELETE FROM files WHERE id = $1", id)
        _ = try await pool.execute("DELETE FROM sagas")
        _ = try await pool.execute("DELETE FROM uploads WHERE file_id = $1", id)
    }

    func rowCount(of key: String) async throws -> Int {
        try await pool.query(
            """
            SELECT (SELECT count(*) FROM uploads WHERE object_key = $1) + (SELECT count(*) FROM files WHERE object_key = $1)
            """,
            key
        ).first?.int(0) ?? -1
    }

    func planAdoption(of object: OrphanSample) async throws -> RepairPlan {
        let check = try await plantCheck()
        try await plantFinding(.orphanObject, of: object, in: check)
        return try await repairs.plan(
            check: check,
            scope: .full,
            by: "ops/root",
            reason: "a test",
            policy: [.orphanObject: .adopt]
        )
    }

    func adopt(_ object: OrphanSample, _ rig: TrashRig) async throws -> RepairOutcome {
        let plan = try await planAdoption(of: object)
        return try await asking(rig).run(plan.id, by: "ops/root", confirm: nil)
    }
}
