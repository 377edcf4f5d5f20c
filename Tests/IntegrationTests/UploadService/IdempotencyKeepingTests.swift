import Determinism
import EventContracts
import Logging
import NIOHTTP1
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

import struct FoundationEssentials.UUID

@testable import UploadService

@Suite("I29 one key has at most one effect, and a form one for each file")
struct KeyedFormTests {
    private static let key = ("idempotency-key", "k")
    private static let form = Form().file("a", "1").field("note", "x").file("b", "2").file("c", "3")

    @Test func aFormIsAnsweredAgainWhateverItsBoundary() async throws {
        try await ServiceUnderTest.run { service in
            let first = try await Self.form.send(to: service, fields: [Self.key])
            #expect(first.json["items"].items.map { $0["status"].number } == [201, 201, 201])
            let again = try await Self.form.send(to: service, boundary: "other", fields: [Self.key])
            #expect(again.status == 207 && again.body == first.body)
            #expect(again.fields.contains(name: "idempotency-replayed"))
            let one = Form().file("d", "4")
            let alone = try await one.send(to: service, fields: [("idempotency-key", "d")])
            let aloneAgain = try await one.send(
                to: service,
                boundary: "d",
                fields: [("idempotency-key", "d")]
            )
            #expect(aloneAgain.status == 201 && aloneAgain.body == alone.body)
            #expect(aloneAgain.fields.first(name: "location") == "/api/v1/files/\(alone.id)")
            #expect(try await service.ledger.uploads().count == 4)
        }
    }

    @Test func afterACrashOnlyTheMissingFilesAreStored() async throws {
        try await ServiceUnderTest.run { service in
            let rule =
                #""method":"PUT","action":"answer","status":403,"code":"AccessDenied","skip":1,"count":1"#
            try await service.bucket.strike(rule)
            let broken = try await Self.form.send(to: service, fields: [Self.key])
            #expect(broken.json["items"].items.map { $0["status"].number } == [201, 502], "\(broken.text)")
            let whole = try await Self.form.send(to: service, fields: [Self.key])
            #expect(whole.json["items"].items.map { $0["status"].number } == [201, 201, 201])
            #expect(whole.json["items"][0]["file"]["id"].text == broken.json["items"][0]["file"]["id"].text)
            #expect(!whole.fields.contains(name: "idempotency-replayed"))
            #expect(try await service.pool.query("SELECT 1 FROM files").count == 3)
        }
    }

    @Test func anotherFormStoresNothing() async throws {
        try await ServiceUnderTest.run { service in
            try await Self.form.send(to: service, fields: [Self.key])
            let other = try await Form().file("a", "1").file("z", "2").file("y", "3").send(
                to: service,
                fields: [Self.key]
            )
            #expect(other.json["items"].items.map { $0["status"].number } == [201, 422], "\(other.text)")
            #expect(try await service.upload("x", fields: [Self.key]).code == "IDEMPOTENCY_KEY_REUSED")
            #expect(try await service.pool.query("SELECT 1 FROM files").count == 3)
        }
    }
}

@Suite("I29 a key is kept as long as what it made, and then forgotten")
struct IdempotencyJanitorTests {
    private static let left: Statement = "SELECT DISTINCT key FROM idempotency_keys ORDER BY key"
    private static let age: Statement = """
        UPDATE idempotency_keys SET keep_until = keep_until - $1::bigint * interval '1 day', locked_until = clock_timestamp()
        """

    @Test func inSmallBatches() async throws {
        try await ServiceUnderTest.run { service in
            let file = try await service.upload("a", fields: [("idempotency-key", "file")]).id
            let path = "/api/v1/files/\(file)"
            try await Form().file("b", "b").send(to: service, fields: [("idempotency-key", "form")])
            try await service.send(.DELETE, path, fields: [("idempotency-key", "delete")])
            for number in 0..<9 {
                try await service.send(.POST, "\(path)/restore", fields: [("idempotency-key", "r\(number)")])
            }
            let janitor = IdempotencyJanitor(
                batchLimit: 4,
                interval: .milliseconds(20),
                pool: service.pool,
                time: SystemTime(),
                random: SystemRandom(),
                logger: Logger(label: "test")
            )
            let running = Task { try await janitor.run() }
            defer { running.cancel() }
            try await service.pool.execute(Self.age, 8)
            try await eventually { try await Self.left(service) == ["file", "form"] }

            try await service.send(.DELETE, "\(path)?purge=true")
            try await eventually {
                try await service.state(of: #require(UUID(uuidString: file))) == "PURGING"
            }
            #expect(try await Self.left(service) == ["file", "form"])
            try await service.reply(
                to: file,
                version: 5,
                .bytesRemoved(try await service.removedBytes(of: file))
            )
            try await service.pool.execute(Self.age, 29)
            let again = try await service.upload("a", fields: [("idempotency-key", "file")])
            #expect(again.id == file && again.status == 201)
            try await service.pool.execute(Self.age, 2)
            try await eventually { try await Self.left(service) == ["form"] }
            let form = try await Form().file("b", "b").send(
                to: service,
                fields: [("idempotency-key", "form")]
            )
            #expect(form.status == 201 && form.fields.contains(name: "idempotency-replayed"))
        }
    }

    private static func left(_ service: ServiceUnderTest) async throws -> [String] {
        try await service.pool.query(left).map { try $0.text(0) }
    }
}

@Suite("I55 no secret is among the idempotency keys")
struct IdempotencySecretTests {
    @Test func theTableHoldsNoToken() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a", fields: [("idempotency-key", "k")]).id
            try await service.send(.DELETE, "/api/v1/files/\(id)", fields: [("idempotency-key", "l")])
            let rows = try await service.pool.query("SELECT k::text FROM idempotency_keys AS k")
            #expect(rows.count == 2)
            for row in rows {
                let text = try row.text(0)
                #expect(!text.contains(ServiceUnderTest.ann) && !text.contains("Signature"), "\(text)")
            }
        }
    }
}
