import Determinism
import Digests
import Foundation
import NIOHTTP1
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("I58 the trail tells what was and what is, of all that a repair does", .timeLimit(.minutes(3)))
struct RecordTests {
    @Test func anOrderAndItsUndo() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, object) = try await service.plantRipeOrphan()
            let plan = try await service.plan(check)
            let planned = try #require(try await service.records("repair.planned").first)
            #expect(planned.actor == "ops/root" && planned.subject == plan.id.text)
            #expect(planned.after?["hash"].text == plan.hash.hex && planned.after?["items"].text == "1")

            _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
            let order = try #require(try await service.records("repair.quarantine").first)
            #expect(order.before?["object_key"].text == object.key)
            #expect(order.before?["etag"].text == object.etag)
            let trashKey = try #require(try await service.items(of: plan.id).first?.order?.trashKey)
            #expect(order.after?["trash_key"].text == trashKey)

            _ = try await service.repairs.undo(plan.id, by: "ops/other")
            let whole = try #require(try await service.records("repair.undo").first)
            #expect(whole.actor == "ops/other" && whole.before?["state"].text == "RUNNING")
            #expect(whole.after?["state"].text == "UNDOING")
            let undo = try #require(try await service.records("repair.undo.quarantine").first)
            #expect(undo.before?["order_version"].text == order.after?["order_version"].text)
            let version = try #require(undo.after?["order_version"].text.flatMap(Int64.init))
            let given = try #require(order.after?["order_version"].text.flatMap(Int64.init))
            #expect(version > given)
        }
    }

    @Test func aFileInQuarantineAndOutOfIt() async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            let file = try await service.upload("a.txt")
            let key = try #require(try await service.pool.query("SELECT object_key FROM files").first)
            try await service.store.delete(try key.text(0), versionID: nil)
            let check = try await service.plantCheck()
            try await service.plantFileFinding(.missingObject, of: file.id, in: check)
            let plan = try await service.plan(check)
            _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
            _ = try await service.repairs.undo(plan.id, by: "ops/root")
            let undo = try #require(try await service.records("repair.undo.mark_lost").first)
            #expect(undo.before?["file"]["state"].text == "QUARANTINED")
            #expect(undo.after?["file"]["state"].text == "AVAILABLE")
        }
    }

    @Test func aSagaThatWasLost() async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            let file = try await service.upload("a.txt")
            try await service.send(.DELETE, "\(ServiceUnderTest.files)/\(file.id)")
            _ = try await service.pool.execute("DELETE FROM sagas")
            for was in ["lost", "waiting"] {
                let check = try await service.plantCheck()
                try await service.plantFileFinding(.stuckState, of: file.id, in: check)
                let plan = try await service.plan(check)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                let record = try #require(try await service.records("repair.wake").last)
                #expect(record.before?["sagas_were"].text == was)
                #expect(record.before?["row_state"].text == "DELETED")
                #expect(record.after?["sagas"].text == DeleteSaga.kind)
            }
        }
    }

    @Test func whatTheTrashDoes() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (check, object) = try await service.plantRipeOrphan()
                let plan = try await service.plan(check)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                try await rig.apply(try await service.orders())
                try await rig.settle()
                try await rig.empty(retention: .zero)
                let trashKey = try #require(try await service.items(of: plan.id).first?.order?.trashKey)
                let records = try await rig.pool.query(
                    "SELECT action, before, after FROM audit_entries ORDER BY number"
                )
                #expect(try records.map { try $0.text(0) } == ["object.trashed", "trash.emptied"])
                let (moved, emptied) = (try #require(records.first), try #require(records.last))
                #expect(JSONValue(Array(try moved.text(1).utf8))["etag"].text == object.etag)
                #expect(JSONValue(Array(try moved.text(2).utf8))["trash_key"].text == trashKey)
                #expect(JSONValue(Array(try emptied.text(1).utf8))["object_key"].text == object.key)
            }
        }
    }
}
