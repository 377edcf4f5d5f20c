import AsyncHTTPClient
import Digests
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite struct SessionTests {
    private static let bytes = SessionClient.bytes(11 << 20)

    @Test func partsComeThroughTheServiceInAnyOrder() async throws {
        try await ServiceUnderTest.run { service in
            let digest = SessionClient.digest(Self.bytes)
            let (client, opened) = try await SessionClient.open(
                "big.bin",
                Self.bytes.count,
                with: ["content_type": "video/mp4", "sha256": digest],
                on: service
            )
            #expect(opened.status == 201)
            #expect(opened.fields.first(name: "location") == "/api/v1/uploads/\(client.id)")
            #expect(opened.json["state"].text == "PENDING")
            #expect(opened.json["part_count"].number == 3)
            #expect(opened.json["next_action"].text == "send_parts")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in [3, 1] {
                    group.addTask {
                        let part = client.slice(Self.bytes, part: number)
                        let answer = try await client.put(
                            number,
                            part,
                            fields: [("x-content-sha256", SessionClient.digest(part))]
                        )
                        #expect(answer.status == 200, "\(answer.text)")
                        #expect(answer.json["sha256"].text == SessionClient.digest(part))
                    }
                }
                try await group.waitForAll()
            }
            let halfway = try await client.facts().json
            #expect(halfway["state"].text == "ACTIVE")
            #expect(halfway["received_part_count"].number == 2)
            #expect(halfway["received_bytes"].number == 6 << 20)
            #expect(halfway["missing_parts"].items.map(\.number) == [2])

            let early = try await client.complete()
            #expect(early.status == 422)
            #expect(early.code == "PARTS_MISSING")
            #expect(early.json["part_numbers"].items.map(\.number) == [2])

            #expect(try await client.put(2, client.slice(Self.bytes, part: 2)).status == 200)
            #expect(try await client.facts().json["next_action"].text == "complete")
            let completed = try await client.complete()
            #expect(completed.status == 200, "\(completed.text)")
            #expect(completed.json["state"].text == "COMPLETED")
            #expect(try await client.complete().text == completed.text)

            let file = try await service.send(.GET, "/api/v1/files/\(completed.json["file_id"].text ?? "")")
            #expect(file.json["sha256"].text == digest)
            #expect(file.json["content_type"].text == "video/mp4")
            #expect(try await client.content() == Self.bytes)
            #expect(try await service.ledger.history(of: file.id) == ["file.stored.1"])
            try await service.ledger.settle()
            try await service.ledger.expectGoodKeysAndEvents()
            #expect(try await service.pool.query("SELECT 1 FROM upload_parts").isEmpty)
        }
    }

    @Test func anEmptyFileIsOnePartOfNothing() async throws {
        try await ServiceUnderTest.run { service in
            let (client, opened) = try await SessionClient.open("empty", 0, on: service)
            #expect(opened.json["part_count"].number == 1)
            #expect(try await client.put(1, []).status == 200)
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == [])
            try await service.ledger.settle()
        }
    }

    @Test func aPartIsStoredOnce() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 100, on: service)
            let (right, wrong) = (SessionClient.bytes(100), SessionClient.bytes(100, seed: 2))
            let torn = try await client.put(
                1,
                wrong,
                fields: [("x-content-sha256", SessionClient.digest(right))]
            )
            #expect(torn.status == 422)
            #expect(torn.code == "DIGEST_MISMATCH")
            #expect(try await client.facts().json["received_part_count"].number == 0)
            #expect(try await client.put(1, right).status == 200)
            #expect(try await client.put(1, right).status == 200)
            let other = try await client.put(1, wrong)
            #expect(other.status == 409)
            #expect(other.code == "PART_DIFFERS")
            #expect(try await client.put(1, SessionClient.bytes(99)).status == 422)
            #expect(try await client.put(1, SessionClient.bytes(101)).status == 422)
            for number in ["0", "-1", "+1", "01", "2", "10001", "x", "9223372036854775808"] {
                let answer = try await service.send(
                    .PUT,
                    "\(SessionClient.path)/\(client.id)/parts/\(number)",
                    body: .bytes(ByteBuffer(bytes: right))
                )
                #expect(answer.status == 400, "\(number)")
                #expect(answer.code == "INVALID_PART_NUMBER", "\(number)")
            }
            #expect(try await client.sign(["part_numbers": [0]]).code == "INVALID_PART_NUMBER")
            #expect(try await client.sign(["part_numbers": [2]]).code == "INVALID_PART_NUMBER")
            #expect(try await client.sign(["part_numbers": [1, 1]]).status == 400)
            #expect(try await client.sign(["part_numbers": [Int]()]).status == 400)
            let misspelt = ["part_number": 1, "checksum_md5": "kAFQmDzST7DWlj99KOF/cg=="] as [String: Any]
            #expect(try await client.sign(["parts": [misspelt]]).code == "INVALID_BODY")
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == right)
        }
    }

    /// Whatever overwrote it in the store, a part is what this service acknowledged, or it is sent again.
    @Test func aPartThatChangedInTheStoreHasToBeSentAgain() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 100, on: service)
            let right = SessionClient.bytes(100)
            #expect(try await client.put(1, right).status == 200)
            let url = try await client.sign(["part_numbers": [1]]).json["urls"][0]
            #expect(try await SessionClient.send(SessionClient.bytes(100, seed: 7), to: url) == 200)
            let refused = try await client.complete()
            #expect(refused.code == "PARTS_WRONG")
            #expect(refused.json["part_numbers"].items.map(\.number) == [1])
            #expect(try await client.put(1, right).status == 200)
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == right)
        }
    }

    @Test func namesAreFreeOrTheSessionWaits() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            let rival = try await service.upload("a")
            #expect(try await SessionClient.open("a", 3, on: service).1.code == "FILE_ALREADY_EXISTS")
            let refused = try await client.complete()
            #expect(refused.status == 409)
            #expect(refused.json["existing_id"].text == rival.id)
            #expect(try await client.state() == "ACTIVE")
            #expect(try await service.send(.DELETE, "/api/v1/files/\(rival.id)").status == 200)
            #expect(try await client.complete().status == 200)
        }
    }

    @Test func aSessionIsGivenUp() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            let aborted = try await client.abort()
            #expect(aborted.status == 200)
            #expect(aborted.json["state"].text == "ABORTED")
            #expect(aborted.json["failure_reason"].text == "aborted by the client")
            #expect(try await client.abort().text == aborted.text)
            for answer in [
                try await client.put(1, [1, 2, 3]), try await client.complete(),
                try await client.sign(["part_numbers": [1]]),
            ] {
                #expect(answer.status == 409)
                #expect(answer.code == "INVALID_UPLOAD_STATE")
                #expect(answer.json["state"].text == "ABORTED")
            }
            try await service.ledger.settle()
            let row = try #require(
                try await service.pool.query("SELECT s3_upload_id FROM uploads WHERE state = 'ABORTED'").first
            )
            let event = try await service.pool.query("SELECT convert_from(payload, 'UTF8') FROM outbox")
                .first?.text(0)
            #expect(event?.contains(try row.text(0)) == true)
        }
    }

    /// The client asks again after its bytes are gone.
    @Test func aSessionIsGivenUpForEver() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.abort().status == 200)
            _ = try await service.pool.execute("UPDATE uploads SET state = 'REAPED'")
            let again = try await client.abort()
            #expect(again.status == 200 && again.json["state"].text == "REAPED", "\(again.text)")
            _ = try await service.pool.execute("UPDATE uploads SET failure_reason = 'its time was over'")
            #expect(try await client.abort().code == "INVALID_UPLOAD_STATE")
        }
    }

    @Test func anotherDigestIsRefusedAfterCompletionToo() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            let right = ["sha256": SessionClient.digest([1, 2, 3])]
            let completed = try await client.complete(right)
            #expect(completed.status == 200, "\(completed.text)")
            #expect(try await client.complete(right).text == completed.text)
            #expect(try await client.complete().text == completed.text)
            let other = try await client.complete(["sha256": SessionClient.digest([3, 2, 1])])
            #expect(other.status == 422 && other.code == "DIGEST_MISMATCH", "\(other.text)")
        }
    }

    @Test func completedSessionsAreNotGivenUp() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            #expect(try await client.complete().status == 200)
            #expect(try await client.abort().code == "INVALID_UPLOAD_STATE")
            #expect(try await client.content() == [1, 2, 3])
        }
    }
}
