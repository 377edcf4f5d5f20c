import AsyncHTTPClient
import EventContracts
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import Testing

@testable import UploadService

@Suite("Repairs: findings that were picked", .timeLimit(.minutes(2)))
struct SelectionTests {
    private func orphans(_ count: Int, _ service: ServiceUnderTest) async throws -> (UUID, [OrphanSample]) {
        let check = try await service.plantCheck()
        var objects: [OrphanSample] = []
        for number in 0..<count {
            let object = try await service.plantObject("orphan \(number)")
            try await service.plantSightings(of: object)
            try await service.plantFinding(.orphanObject, of: object, in: check)
            objects.append(object)
        }
        return (check, objects)
    }

    private func finding(_ object: OrphanSample, _ service: ServiceUnderTest) async throws -> Int {
        let rows = try await service.pool.query(
            "SELECT id FROM consistency_findings WHERE object_key = $1",
            object.key
        )
        return try rows.first?.int(0) ?? 0
    }

    private func select(_ body: String, _ service: ServiceUnderTest) async throws -> Answer {
        try await service.send(
            .POST,
            "/api/v1/repairs",
            as: ServiceUnderTest.root,
            body: .bytes(ByteBuffer(string: body))
        )
    }

    @Test func onlyThoseWithThatAction() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, objects) = try await orphans(3, service)
            let ids = [try await finding(objects[0], service), try await finding(objects[2], service)]
            let left = try await select(
                #"{"check_id":"\#(check)","finding_ids":\#(ids),"action":"leave","reason":"ours"}"#,
                service
            )
            #expect(left.status == 201 && left.json["harmful_items"].number == 0, "\(left.text)")
            let taken = try await select(
                #"{"check_id":"\#(check)","finding_ids":\#(ids),"reason":"nobody's"}"#,
                service
            )
            #expect(taken.json["item_count"].number == 2 && taken.json["scope"].text == "selection")
            let id = taken.id
            let run = try await service.send(
                .POST,
                "/api/v1/repairs/\(id)/run",
                as: ServiceUnderTest.root,
                body: .bytes(ByteBuffer(string: "{}"))
            )
            #expect(run.status == 200 && run.json["counts"]["ORDERED"].number == 2, "\(run.text)")
            let keys = try await service.orders().compactMap { event -> String? in
                guard case .objectQuarantined(let object) = event.detail else { return nil }
                return object.objectKey
            }
            #expect(Set(keys) == [objects[0].key, objects[2].key])
        }
    }

    @Test func actionsNobodyCanTake() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, objects) = try await orphans(1, service)
            let id = try await finding(objects[0], service)
            let unknown = try await select(
                #"{"check_id":"\#(check)","finding_ids":[\#(id)],"action":"burn","reason":"x"}"#,
                service
            )
            #expect(unknown.status == 400)
            // An action of other kinds: nothing is done about this one.
            let other = try await select(
                #"{"check_id":"\#(check)","finding_ids":[\#(id)],"action":"mark_lost","reason":"x"}"#,
                service
            )
            #expect(other.status == 201 && other.json["items"][0]["action"].text == "leave")
        }
    }

    /// However many there are, one a line; and those behind a number.
    @Test func itemsAsLines() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, objects) = try await orphans(3, service)
            let plan = try await service.plan(check)
            let accept = [("accept", "application/x-ndjson")]
            for (after, keys) in [(0, objects.map(\.key)), (1, objects.dropFirst().map(\.key)), (3, [])] {
                let answer = try await service.send(
                    .GET,
                    "/api/v1/repairs/\(plan.id)/items?after=\(after)",
                    as: ServiceUnderTest.root,
                    fields: accept
                )
                #expect(answer.fields.first(name: "content-type") == "application/x-ndjson")
                let lines = answer.text.split(separator: "\n").map { JSONValue(Array($0.utf8)) }
                #expect(lines.compactMap { $0["object_key"].text } == keys)
                #expect(lines.allSatisfy { $0["state"].text == "PLANNED" })
            }
        }
    }
}
