import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import UploadService

/// What the store no longer has can be sent again, and what it has need not be.
@Suite(.timeLimit(.minutes(2))) struct LostPartTests {
    /// One answer is not believed.
    @Test func whatTheStoreGaveUpIsSentAgain() async throws {
        try await ServiceUnderTest.run {
            $0.limits.lossPatience = .zero
        } _: { service in
            let (client, _) = try await SessionClient.open("a", 100, on: service)
            let bytes = SessionClient.bytes(100)
            #expect(try await client.put(1, bytes).status == 200)
            let row = try #require(
                try await service.pool.query("SELECT object_key, s3_upload_id FROM uploads").first
            )
            try await service.store.abortMultipartUpload(try row.text(0), uploadID: try row.text(1))
            #expect(try await client.facts().json["received_part_count"].number == nil)
            #expect(try await client.complete().code == "STORE_UNAVAILABLE")
            #expect(try await client.complete().code == "PARTS_MISSING")
            #expect(try await client.put(1, bytes).status == 200)
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == bytes)
        }
    }

    @Test func oneWrongAnswerOfTheStoreCostsNothing() async throws {
        try await ServiceUnderTest.run { service in
            guard !TestBucket.isForeign else { return }
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            try await service.bucket.strike(
                #""method":"GET","query":"uploadId","action":"answer","status":404,"code":"NoSuchUpload","count":2"#
            )
            #expect(try await client.facts().status == 200)
            #expect(try await client.complete().status == 503)
            #expect(try await client.complete().status == 200)
        }
    }

    /// A part the store took in between shows that it knows the upload: the second answer is again the first.
    @Test func twoWrongAnswersFarApartCostNothing() async throws {
        try await ServiceUnderTest.run {
            $0.limits.lossPatience = .milliseconds(1)
        } _: { service in
            guard !TestBucket.isForeign else { return }
            let size = SessionClient.partSize + 3
            let (client, _) = try await SessionClient.open("a", size, on: service)
            let bytes = SessionClient.bytes(size)
            let wrong =
                #""method":"PUT","query":"partNumber","action":"answer","status":404,"code":"NoSuchUpload","count":1"#
            for number in [1, 2] {
                try await service.bucket.strike(wrong)
                #expect(try await client.put(number, client.slice(bytes, part: number)).status == 503)
                #expect(try await client.put(number, client.slice(bytes, part: number)).status == 200)
            }
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == bytes)
        }
    }

    /// The ledger says that a part is stored, and the store does not list it.
    @Test func aPartTheStoreLostIsStoredAgain() async throws {
        try await ServiceUnderTest.run { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            let id = try #require(UUID(uuidString: client.id))
            let row = try #require(
                try await service.pool.query("SELECT object_key FROM uploads WHERE id = $1", id).first
            )
            let empty = try await service.store.createMultipartUpload(
                try row.text(0),
                contentType: nil,
                metadata: ["upload-id": client.id]
            )
            _ = try await service.pool.execute(
                "UPDATE uploads SET s3_upload_id = $2, open_count = 2 WHERE id = $1",
                id,
                empty
            )
            #expect(try await client.complete().code == "PARTS_MISSING")
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == [1, 2, 3])
        }
    }

    /// Longer than a lease, which is what a sender without a claim has.
    @Test func aStoredPartMayComeAgainSlowly() async throws {
        try await ServiceUnderTest.run {
            $0.limits.sagaLease = .seconds(1)
        } _: { service in
            let (client, _) = try await SessionClient.open("a", 5, on: service)
            #expect(try await client.put(1, [1, 2, 3, 4, 5]).status == 200)
            let connection = try service.connect()
            try await connection.send(
                "PUT \(SessionClient.path)/\(client.id)/parts/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(client.token)\r\ncontent-length: 5\r\n\r\n"
            )
            let began = SystemTime().uptime
            for byte in 1...5 as ClosedRange<UInt8> {
                try await connection.send(String(decoding: [byte], as: UTF8.self))
                try await eventually("half a second passes") {
                    SystemTime().uptime - began >= .milliseconds(500 * Int(byte))
                }
            }
            let answer = try await connection.receive { $0.contains("\r\n\r\n") }
            #expect(answer.text.hasPrefix("HTTP/1.1 200"), "\(answer.text)")
        }
    }
}
