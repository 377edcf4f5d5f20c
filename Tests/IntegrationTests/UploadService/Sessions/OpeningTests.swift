import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite struct OpeningTests {
    @Test func openingIsRepeatable() async throws {
        try await ServiceUnderTest.run { service in
            let id = UUID().uuidString.lowercased()
            let (client, first) = try await SessionClient.open("a", 100, with: ["upload_id": id], on: service)
            #expect(first.status == 201)
            #expect(client.id == id)
            let again = try await SessionClient.open("a", 100, with: ["upload_id": id], on: service).1
            #expect(again.status == 200)
            #expect(again.json["file_id"].text == first.json["file_id"].text)
            for other in [["size": 101], ["name": "b"], ["content_type": "text/plain"]] as [[String: Any]] {
                var members: [String: Any] = ["upload_id": id, "name": "a", "size": 100]
                members.merge(other) { $1 }
                let answer = try await service.send(
                    .POST,
                    SessionClient.path,
                    body: SessionClient.json(members)
                )
                #expect(answer.status == 409)
                #expect(answer.code == "UPLOAD_ALREADY_EXISTS")
            }
            let stranger = try await SessionClient.open(
                "a",
                100,
                with: ["upload_id": id],
                as: ServiceUnderTest.zoe,
                on: service
            ).1
            #expect(stranger.status == 409)
            #expect(stranger.json["file_id"].text == nil)
            for bad in ["x", "00000000-0000-1000-8000-000000000000"] {
                let answer = try await SessionClient.open("c", 1, with: ["upload_id": bad], on: service).1
                #expect(answer.status == 400, "\(bad)")
            }
            #expect(try await client.put(1, SessionClient.bytes(100)).status == 200)
            #expect(try await client.complete().status == 200)
            let late = try await SessionClient.open("a", 100, with: ["upload_id": id], on: service).1
            #expect(late.status == 200)
            #expect(late.json["state"].text == "COMPLETED")
        }
    }

    @Test func aKeyOpensOneSession() async throws {
        try await ServiceUnderTest.run { service in
            func open(_ key: String, _ name: String, as token: String = ServiceUnderTest.ann) async throws
                -> Answer
            {
                let body = try SessionClient.json(["name": name, "size": 3])
                return try await service.send(
                    .POST,
                    SessionClient.path,
                    as: token,
                    fields: [("idempotency-key", key)],
                    body: body
                )
            }
            let first = try await open("k", "a")
            let again = try await open("k", "a")
            #expect((first.status, again.status) == (201, 201))
            #expect(first.json["upload_id"].text == again.json["upload_id"].text)
            #expect(again.fields.first(name: "idempotency-replayed") == "true")
            #expect(again.json["urls"].items.count == 1)
            #expect(try await open("k", "b").code == "IDEMPOTENCY_KEY_REUSED")
            let stranger = try await open("k", "a", as: ServiceUnderTest.zoe)
            #expect(stranger.status == 201)
            #expect(stranger.json["upload_id"].text != first.json["upload_id"].text)
            let client = SessionClient(service: service, id: try #require(first.json["upload_id"].text))
            let used = try await service.send(
                .POST,
                "\(SessionClient.path)/\(client.id)/complete",
                fields: [("idempotency-key", "k")],
                body: .bytes(ByteBuffer())
            )
            #expect(used.code == "IDEMPOTENCY_KEY_REUSED")
            // What was refused has changed nothing, so its key may be sent with another request.
            #expect(try await service.upload("taken").status == 201)
            #expect(try await open("r", "taken").code == "FILE_ALREADY_EXISTS")
            #expect(try await open("r", "free").status == 201)
            // Nothing that signs is kept.
            let kept = try await service.pool.query(
                "SELECT count(*) FROM idempotency_keys WHERE body ~ 'X-Amz'"
            )
            #expect(try kept.first?.int(0) == 0)
        }
    }

    @Test func whatCannotBeIsRefusedBeforeAnythingBegins() async throws {
        try await ServiceUnderTest.run { service in
            let limit = 5 << 40
            let large = try await SessionClient.open(
                "a",
                limit + 1,
                with: ["part_size": 1 << 30],
                on: service
            ).1
            #expect(large.status == 413)
            #expect(large.text.contains("\(limit)"))
            for (members, status) in [
                (["size": -1], 400), (["part_size": 1], 400), (["part_size": 0], 400),
                (["part_size": 6 << 30], 400), (["size": 1 << 40], 400), (["size": "x"], 400),
                (["nmae": "a"], 400),
                (["name": "a/b"], 400), (["sha256": "abc"], 400), (["url_count": 1_001], 400),
                (["url_count": -1], 400), (["checksum_algorithm": "md5"], 400), (["upload_id": 5], 400),
                (["upload_id": "CC8F71A7-24CC-46A0-A7F7-25924E345394\u{0}x"], 400),
            ] as [([String: Any], Int)] {
                let answer = try await SessionClient.open("a", 9, with: members, on: service).1
                #expect(answer.status == status, "\(members) \(answer.text)")
            }
            for body in ["", "{", "[]", "null", "{}", #"{"name":"a","size":1e99}"#] {
                let answer = try await service.send(
                    .POST,
                    SessionClient.path,
                    body: .bytes(ByteBuffer(string: body))
                )
                #expect(answer.status == 400, "\(body)")
            }
            #expect(try await service.ledger.uploads() == [])
            let huge = try await SessionClient.open(
                "huge",
                limit,
                with: ["part_size": 1 << 30, "url_count": 1_000],
                on: service
            ).1
            #expect(huge.status == 201, "\(huge.text)")
            #expect(huge.json["part_count"].number == 5_120)
            #expect(huge.json["urls"].items.count == 1_000)
        }
    }

    @Test func nobodySeesTheSessionsOfOthers() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            for token in [ServiceUnderTest.bob, ServiceUnderTest.zoe] {
                let stranger = SessionClient(service: service, id: client.id, token: token)
                let unknown = SessionClient(service: service, id: UUID().uuidString, token: token)
                for (theirs, nobodys) in [
                    (try await stranger.facts(), try await unknown.facts()),
                    (try await stranger.put(1, [1, 2, 3]), try await unknown.put(1, [1, 2, 3])),
                    (try await stranger.complete(), try await unknown.complete()),
                    (
                        try await stranger.sign(["part_numbers": [1]]),
                        try await unknown.sign(["part_numbers": [1]])
                    ),
                    (try await stranger.abort(), try await unknown.abort()),
                ] {
                    #expect(theirs.status == 404)
                    #expect(theirs.code == "UPLOAD_NOT_FOUND")
                    #expect(nobodys.status == 404)
                    #expect(theirs.json["detail"].text == nobodys.json["detail"].text)
                }
                #expect(
                    try await service.send(.GET, SessionClient.path, as: token).json["uploads"].items.isEmpty
                )
            }
            let own = try await service.send(.GET, SessionClient.path + "?state=pending&limit=1")
            #expect(own.json["uploads"].items.count == 1)
            #expect(try await service.send(.GET, SessionClient.path, as: nil).status == 401)
        }
    }

    @Test func sessionsAreListedNewestFirst() async throws {
        try await ServiceUnderTest.run { service in
            var ids: [String] = []
            for round in 0..<5 {
                let id = UUID().uuidString.lowercased()
                _ = try await SessionClient.open("\(round)", 1, with: ["upload_id": id], on: service)
                ids.insert(id, at: 0)
            }
            var (listed, cursor): ([String], String?) = ([], nil)
            repeat {
                let query = "?limit=2" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await service.send(.GET, SessionClient.path + query).json
                listed += page["uploads"].items.compactMap { $0["upload_id"].text }
                cursor = page["next_cursor"].text
            } while cursor != nil
            #expect(listed == ids)
        }
    }
}
