import AsyncHTTPClient
import Determinism
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import ServiceParts
import Testing

@testable import ObjectStore
@testable import UploadService

@Suite("an undo brings back exactly what was", .timeLimit(.minutes(3)))
struct ExactUndoTests {
    /// What may differ: its version and time rise, and the indexer is asked to read it again.
    private static let row: Statement = """
        SELECT (to_jsonb(f) - 'version' - 'updated_at' - 'index_state' - 'published_version')::text FROM files f WHERE id = $1
        """
    private static let others: Statement = """
        SELECT to_jsonb(u)::text FROM uploads u UNION ALL SELECT kind || subject FROM sagas ORDER BY 1
        """

    @Test(arguments: [RepairAction.markLost, .remove])
    func theRowEqualsItsShadow(_ action: RepairAction) async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            let file = try await service.upload("a.txt")
            let id = try #require(UUID(uuidString: file.id))
            let before = try await service.pool.query(Self.row, id).map { try $0.text(0) }
            let others = try await service.pool.query(Self.others).map { try $0.text(0) }
            let key = try #require(
                try await service.pool.query("SELECT object_key FROM files").first
            ).text(0)
            let object = try #require(try await service.store.head(key))
            try await service.store.delete(key, versionID: nil)
            let check = try await service.plantCheck()
            try await service.plantFileFinding(.missingObject, of: file.id, in: check)
            let plan = try await service.repairs.plan(
                check: check,
                scope: .full,
                by: "ops/root",
                reason: "a test",
                policy: [.missingObject: action]
            )
            let outcome = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
            #expect(outcome.counts == ["DONE": 1])
            let changed = try await service.send(.GET, "\(ServiceUnderTest.files)/\(file.id)")
            if action == .markLost {
                #expect(
                    changed.json["quarantine_reason"].text == "object_missing",
                    "as of what the indexer finds"
                )
            }
            #expect(try await service.pool.query(Self.row, id).map { try $0.text(0) } != before)
            let shadow = try #require(try await service.items(of: plan.id).first?.shadow)
            let shadowed = JSONValue(Array(shadow.utf8))["file"]
            #expect(shadowed["id"].text == file.id && shadowed["version"].number == 1)

            #expect(try await service.repairs.undo(plan.id, by: "ops/root").counts == ["UNDONE": 1])
            #expect(try await service.pool.query(Self.row, id).map { try $0.text(0) } == before)
            #expect(try await service.pool.query(Self.others).map { try $0.text(0) } == others)
            // As readers see it: what the shadow says, but for version and time.
            let now = try await service.send(.GET, "\(ServiceUnderTest.files)/\(file.id)")
            for member in ["id", "name", "content_type", "state", "sha256", "etag", "created_at"] {
                #expect(now.json[member].text == shadowed[member].text, "\(member)")
            }
            #expect(now.json["size"].number == shadowed["size"].number && object.size == 6)
            #expect(now.json["version"].number == 3)
        }
    }

    /// In a bucket that keeps versions nothing is left of the object but its copy, and nothing but the object comes back.
    @Test func aVersionedBucketToo() async throws {
        let text = String(repeating: "bytes nobody has a row for\n", count: 500)
        try await ServiceUnderTest.withRepairs { service in
            try await service.store.keepVersions()
            try await TrashRig.with(service.store) { rig in
                let (check, object) = try await service.plantRipeOrphan(text)
                let plan = try await service.plan(check)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                try await rig.apply(try await service.orders())
                try await rig.settle()
                try await service.take(try await rig.answers())
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["DONE": 1])
                #expect(try await service.store.versions(of: object.key) == [])

                _ = try await service.repairs.undo(plan.id, by: "ops/root")
                try await rig.apply(Array(try await service.orders().suffix(1)))
                try await rig.settle()
                try await service.take(try await rig.answers())
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["UNDONE": 1])
                #expect(try await service.store.versions(of: object.key) == [Int64(text.utf8.count)])
                let back = try await service.store.get(object.key).body.reduce(into: [UInt8]()) {
                    $0 += $1.readableBytesView
                }
                #expect(back == Array(text.utf8))
            }
        }
    }

    /// Were the newest taken away, the one below would be found in its place.
    @Test func anObjectAboveOthersIsKept() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await service.store.keepVersions()
            try await TrashRig.with(service.store) { rig in
                let key = ServiceUnderTest.newKey()
                try await service.plantObject("older", key: key)
                let object = try await service.plantObject("newer", key: key)
                try await service.plantSightings(of: object)
                let check = try await service.plantCheck()
                try await service.plantFinding(.orphanObject, of: object, in: check)
                let plan = try await service.plan(check)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                try await rig.apply(try await service.orders())
                try await rig.settle()
                try await service.take(try await rig.answers())
                #expect(try await service.repairs.outcome(of: plan.id).counts == ["SKIPPED": 1])
                #expect(try await service.store.versions(of: key) == [5, 5])
            }
        }
    }
}

extension S3Store {
    func keepVersions() async throws {
        var request = S3Request(.PUT, nil, effect: .idempotent)
        request.query = [("versioning", "")]
        request.payload = .bytes(
            ByteBuffer(string: "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        )
        _ = try await perform(request)
    }

    /// Sizes; a delete marker would count as one of its own.
    func versions(of key: String) async throws -> [Int64] {
        try await listVersions(prefix: key, after: nil, limit: 1_000).versions.map {
            $0.isDeleteMarker ? -1 : $0.size
        }
    }
}
