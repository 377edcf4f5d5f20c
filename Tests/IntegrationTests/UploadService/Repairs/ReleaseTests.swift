import AsyncHTTPClient
import Determinism
import Digests
import EventContracts
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceParts
import Testing

@testable import UploadService

@Suite("Repairs: files that are let out of quarantine", .timeLimit(.minutes(3)))
struct ReleaseTests {
    private static let bytes = Array("bytes nobody stated a digest of\n".utf8)
    private static let entries: Statement = """
        SELECT action, actor, reason FROM audit_entries WHERE action LIKE 'repair.%release' ORDER BY number
        """

    /// An object that was adopted and waits for somebody to look at it.
    private func adopted(_ service: ServiceUnderTest, _ rig: TrashRig) async throws -> (UUID, OrphanSample) {
        let file = try await service.upload("a.txt", Self.bytes)
        let id = try #require(UUID(uuidString: file.id))
        let row = try #require(
            try await service.pool.query("SELECT object_key, etag FROM files WHERE id = $1", id).first
        )
        let object = OrphanSample(key: try row.text(0), size: Int64(Self.bytes.count), etag: try row.text(1))
        try await service.loseRows(of: id)
        #expect(try await service.adopt(object, rig).counts == ["DONE": 1])
        #expect(try await service.state(of: id.text) == "QUARANTINED")
        return (id, object)
    }

    private func plan(_ ids: [String], _ service: ServiceUnderTest) async throws -> RepairPlan {
        let body =
            #"{"file_ids":["\#(ids.joined(separator: #"",""#))"],"action":"release","reason":"looked at"}"#
        let answer = try await post("/api/v1/repairs", body, service)
        #expect(answer.status == 201 && answer.json["harmful_items"].number == 0, "\(answer.text)")
        let id = try #require(UUID(uuidString: answer.id))
        return try await service.repairs.outcome(of: id).plan
    }

    private func post(_ path: String, _ body: String, _ service: ServiceUnderTest) async throws -> Answer {
        try await service.send(
            .POST,
            path,
            as: ServiceUnderTest.root,
            body: .bytes(ByteBuffer(string: body))
        )
    }

    private func run(_ plan: RepairPlan, _ service: ServiceUnderTest) async throws -> [String: Int64] {
        try await service.repairs.run(plan.id, by: "ops/root", confirm: nil).counts
    }

    @Test func anAdoptedFileIsServedAndAnUndoTakesItIn() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, _) = try await adopted(service, rig)
                let path = "\(ServiceUnderTest.files)/\(id.text)"
                let before = try await service.send(.GET, path)
                #expect(try await service.send(.GET, "\(path)/content").status == 409)
                let plan = try await plan([id.text], service)
                #expect(try await service.state(of: id.text) == "QUARANTINED", "a plan changes nothing")
                #expect(try await run(plan, service) == ["DONE": 1])

                let content = try await service.send(.GET, "\(path)/content")
                #expect(content.status == 200 && content.body == Self.bytes)
                let version = try #require(before.json["version"].number)
                #expect(try await service.send(.GET, path).json["version"].number == version + 1)
                try await rig.apply(try await service.orders(["file."]))
                #expect(try await service.entry(of: id, in: rig)?.state == .live)
                #expect(try await service.verdict(of: id, in: rig) == nil)

                #expect(try await service.repairs.undo(plan.id, by: "ops/root").counts == ["UNDONE": 1])
                let undone = try await service.send(.GET, path)
                #expect(undone.json["state"].text == "QUARANTINED")
                #expect(undone.json["quarantine_reason"].text == before.json["quarantine_reason"].text)
                let entries = try await service.pool.query(Self.entries).map { try $0.text(0) }
                #expect(entries == ["repair.release", "repair.undo.release"])
            }
        }
    }

    /// Whatever the reason was: the bytes that lie there now are not those of the file.
    @Test func otherBytesAreKeptIn() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, object) = try await adopted(service, rig)
                let plan = try await plan([id.text], service)
                var changed = Self.bytes
                changed[7] ^= 1
                _ = try await service.store.put(object.key, body: .bytes(ByteBuffer(bytes: changed)))
                #expect(try await run(plan, service) == ["SKIPPED": 1])
                try await service.store.delete(object.key)
                #expect(try await run(try await self.plan([id.text], service), service) == ["SKIPPED": 1])
                #expect(try await service.state(of: id.text) == "QUARANTINED")
            }
        }
    }

    /// A file whose object was missing, and was put back by somebody.
    @Test func whatWasLostAndIsBackIsReleased() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let file = try await service.upload("a.txt", Self.bytes)
            let key = try await service.pool.query("SELECT object_key FROM files").only().text(0)
            try await service.store.delete(key)
            let check = try await service.plantCheck()
            try await service.plantFileFinding(.missingObject, of: file.id, in: check)
            _ = try await run(try await service.plan(check), service)
            #expect(try await service.state(of: file.id) == "QUARANTINED")
            #expect(try await run(try await plan([file.id], service), service) == ["SKIPPED": 1])
            _ = try await service.store.put(key, body: .bytes(ByteBuffer(bytes: Self.bytes)))
            #expect(try await run(try await plan([file.id], service), service) == ["DONE": 1])
            #expect(try await service.state(of: file.id) == "AVAILABLE")
        }
    }

    @Test func onlyWhatIsInQuarantineAndHasNotMovedOn() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, _) = try await adopted(service, rig)
                let whole = try await service.upload("b.txt").id
                let plan = try await plan([whole, id.text, UUID().uuidString, id.text], service)
                #expect(plan.itemCount == 3)
                #expect(try await service.delete(id.text) == 200)
                #expect(try await run(plan, service) == ["SKIPPED": 3])
                #expect(try await service.state(of: whole) == "AVAILABLE")
                #expect(try await service.state(of: id.text) == "DELETED")
            }
        }
    }

    @Test func anUndoLeavesWhatHasMovedOn() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (id, _) = try await adopted(service, rig)
                let plan = try await plan([id.text], service)
                #expect(try await run(plan, service) == ["DONE": 1])
                #expect(try await service.delete(id.text) == 200)
                #expect(try await service.repairs.undo(plan.id, by: "ops/root").counts == ["DONE": 1])
                #expect(try await service.state(of: id.text) == "DELETED")
            }
        }
    }

    @Test(arguments: [
        #"{"file_ids":["x"],"action":"release","reason":"r"}"#,
        #"{"file_ids":[],"action":"release","reason":"r"}"#,
        #"{"file_ids":["0190f000-0000-7000-8000-000000000040"],"reason":"r"}"#,
        #"{"file_ids":["0190f000-0000-7000-8000-000000000040"],"action":"remove","reason":"r"}"#,
        #"{"file_ids":["0190f000-0000-7000-8000-000000000040"],"action":"release","kinds":[],"reason":"r"}"#,
        #"{"file_ids":["0190f000-0000-7000-8000-000000000040"],"action":"release","safe_mode":true,"reason":"r"}"#,
    ])
    func whatIsNotUnderstoodIsRefused(_ body: String) async throws {
        try await ServiceUnderTest.withRepairs { service in
            let answer = try await post("/api/v1/repairs", body, service)
            #expect(answer.status == 400, "\(answer.text)")
        }
    }
}
