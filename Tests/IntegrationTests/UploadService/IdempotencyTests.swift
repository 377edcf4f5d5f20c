import AsyncHTTPClient
import Digests
import NIOCore
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("I30 the same key and request: the same answer; another request: 422; meanwhile: 409")
struct IdempotencyTests {
    private static let key = ("idempotency-key", "k")

    @Test func anUploadIsAnsweredAgainBeforeItsBytesCome() async throws {
        try await ServiceUnderTest.run { service in
            let first = try await service.upload("a", fields: [Self.key])
            #expect(first.status == 201)
            #expect(first.fields.first(name: "idempotency-replayed") == nil)
            try await service.send(.DELETE, "/api/v1/files/\(first.id)")
            let again = try await service.upload("a", fields: [("idempotency-key", "\"k\"")])
            #expect(again.status == 201 && again.body == first.body)
            #expect(again.fields.first(name: "location") == "/api/v1/files/\(first.id)")
            #expect(again.fields.first(name: "idempotency-replayed") == "true")
            let client = try service.connect()
            let fields = "content-length: 6\r\ncontent-type: application/octet-stream\r\nidempotency-key: k"
            try await client.send(service.head("a", length: fields))
            let answer = try await client.receive { $0.contains("\"version\":1}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
            #expect(try await service.ledger.history(of: first.id) == ["file.stored.1", "file.deleted.2"])
            #expect(try await service.ledger.uploads().count == 1)
        }
    }

    @Test func aKeyStandsForOneRequestOfOneCaller() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a", fields: [Self.key]).id
            let wrong = ("x-content-sha256", Digest256.of("hello\n").hex)
            let others = [
                try await service.upload("b", fields: [Self.key]),
                try await service.upload("a", Array("hello".utf8), fields: [Self.key]),
                try await service.upload("a", fields: [Self.key, wrong]),
                try await service.upload("a", fields: [Self.key, ("content-type", "text/plain")]),
                try await service.send(.DELETE, "/api/v1/files/\(id)", fields: [Self.key]),
                try await Form().file("a", "hello\n").send(to: service, fields: [Self.key]),
            ]
            for other in others {
                #expect(other.status == 422 && other.code == "IDEMPOTENCY_KEY_REUSED", "\(other.text)")
            }
            for token in [ServiceUnderTest.bob, ServiceUnderTest.zoe] {
                let own = try await service.upload("a", as: token, fields: [Self.key])
                #expect(own.status == 201 && own.id != id)
            }
            #expect(try await service.send(.GET, "/api/v1/files/\(id)").status == 200)
            for fields in [[("idempotency-key", "")], [("idempotency-key", "a b")], [Self.key, Self.key]] {
                let refused = try await service.upload("c", fields: fields)
                #expect(refused.status == 400 && refused.code == "INVALID_IDEMPOTENCY_KEY", "\(refused.text)")
            }
        }
    }

    @Test func whileTheFirstIsServedTheSecondWaits() async throws {
        try await ServiceUnderTest.run { service in
            let client = try service.connect()
            let fields = "content-length: 6\r\nidempotency-key: k"
            try await client.send(service.head("a", length: fields) + "hel")
            try await eventually { try await service.ledger.openUploadCount() == 1 }
            let second = try await service.upload("a", fields: [Self.key])
            #expect(second.status == 409 && second.code == "IDEMPOTENCY_KEY_IN_USE")
            #expect((1...5).contains(Int(second.fields.first(name: "retry-after") ?? "") ?? 0))
            #expect(try await service.upload("b", fields: [Self.key]).code == "IDEMPOTENCY_KEY_REUSED")
            try await client.send("lo\n")
            let answer = try await client.receive { $0.contains("\"version\":1}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
            let third = try await service.upload("a", fields: [Self.key])
            #expect(third.status == 201 && answer.text.contains(third.text))
        }
    }

    @Test func aFailureLeavesTheKeyFree() async throws {
        try await ServiceUnderTest.run { service in
            let wrong = ("x-content-sha256", String(repeating: "0", count: 64))
            #expect(try await service.upload("a", fields: [Self.key, wrong]).code == "DIGEST_MISMATCH")
            let other = try await service.upload("a").id
            #expect(try await service.upload("a", fields: [Self.key]).code == "FILE_ALREADY_EXISTS")
            let rule = #""method":"PUT","action":"answer","status":503,"code":"SlowDown","count":1"#
            try await service.send(.DELETE, "/api/v1/files/\(other)")
            try await service.bucket.strike(rule)
            #expect(try await service.upload("a", fields: [Self.key]).code == "STORE_UNAVAILABLE")
            let hangsUp = try service.connect()
            let fields = "content-length: 6\r\nidempotency-key: k"
            try await hangsUp.send(service.head("a", length: fields))
            try await eventually { try await service.ledger.openUploadCount() == 1 }
            hangsUp.reset()
            try await eventually("the key is free") {
                try await service.pool.query("SELECT 1 FROM idempotency_keys").isEmpty
            }
            #expect(try await service.upload("a", fields: [Self.key]).status == 201)
        }
    }

    @Test func aLateDeleteOrRestoreChangesNothing() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            let path = "/api/v1/files/\(id)"
            let stale = [Self.key, ("if-match", "\"nope\"")]
            #expect(try await service.send(.DELETE, path, fields: stale).status == 412)
            let deleted = try await service.send(.DELETE, path, fields: [Self.key])
            #expect(deleted.status == 200)
            let back = [("idempotency-key", "back")]
            let restored = try await service.send(.POST, "\(path)/restore", fields: back)
            #expect(restored.json["version"].number == 3)
            let late = try await service.send(.DELETE, path, fields: [Self.key])
            #expect(late.body == deleted.body && late.fields.contains(name: "idempotency-replayed"))
            #expect(try await service.send(.GET, path).json["version"].number == 3)
            try await service.send(.DELETE, path)
            #expect(try await service.send(.POST, "\(path)/restore", fields: back).body == restored.body)
            #expect(try await service.send(.GET, path).status == 404)
            #expect(try await service.send(.DELETE, "\(path)?purge=true", fields: [Self.key]).status == 422)
            let absent = "/api/v1/files/01900000-0000-7000-8000-000000000000"
            #expect(
                try await service.send(.DELETE, absent, fields: [("idempotency-key", "no")]).status == 404
            )
        }
    }

    @Test func aBatchIsAnsweredAgain() async throws {
        try await ServiceUnderTest.run { service in
            var ids = ["nonsense"]
            for name in ["a", "b"] { ids.append(try await service.upload(name).id) }
            func send(_ ids: [String]) async throws -> Answer {
                let list = ids.map { "\"\($0)\"" }.joined(separator: ",")
                return try await service.send(
                    .POST,
                    "/api/v1/files/batch-delete",
                    fields: [Self.key],
                    body: .bytes(ByteBuffer(string: #"{"ids":[\#(list)]}"#))
                )
            }
            let first = try await send(ids)
            #expect(first.json["items"].items.map { $0["status"].number } == [404, 200, 200])
            try await service.send(.POST, "/api/v1/files/\(ids[1])/restore")
            let again = try await send(ids)
            #expect(again.status == 207 && again.body == first.body)
            #expect(again.fields.contains(name: "idempotency-replayed"))
            #expect(try await service.send(.GET, "/api/v1/files/\(ids[1])").status == 200)
            #expect(try await send([ids[1]]).code == "IDEMPOTENCY_KEY_REUSED")
        }
    }
}
