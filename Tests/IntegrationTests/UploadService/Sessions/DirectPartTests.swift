import Digests
import Foundation
import NIOHTTP1
import ObjectStore
import TestSupport
import Testing

@testable import UploadService

@Suite struct DirectPartTests {
    private static let bytes = SessionClient.bytes(11 << 20)

    @Test func partsGoStraightToTheStore() async throws {
        try await ServiceUnderTest.run { service in
            let (client, opened) = try await SessionClient.open(
                "direct.bin",
                Self.bytes.count,
                with: ["url_count": 2, "checksum_algorithm": "sha256"],
                on: service
            )
            // Each part needs its checksum: URLs without would be of no use.
            #expect(opened.status == 400, "\(opened.text)")
            #expect(client.id == "none")
            let (plain, answer) = try await SessionClient.open(
                "plain.bin",
                Self.bytes.count,
                with: ["url_count": 2],
                on: service
            )
            #expect(answer.json["urls"].items.count == 2)
            #expect(answer.json["state"].text == "PENDING")
            let more = try await plain.sign(["part_numbers": [3]])
            #expect(more.status == 200, "\(more.text)")
            for url in answer.json["urls"].items + more.json["urls"].items {
                let number = try #require(url["part_number"].number)
                #expect(
                    url["headers"]["content-length"].text == "\(plain.slice(Self.bytes, part: number).count)"
                )
                #expect(try await SessionClient.send(plain.slice(Self.bytes, part: number), to: url) == 200)
            }
            let completed = try await plain.complete()
            #expect(completed.status == 200, "\(completed.text)")
            #expect(try await plain.content() == Self.bytes)
            // Nobody has read the bytes yet.
            let file = try await service.send(.GET, "/api/v1/files/\(completed.json["file_id"].text ?? "")")
            #expect(file.json["sha256"].text == nil)
            for url in answer.json["urls"].items {
                #expect(try await SessionClient.send(SessionClient.bytes(5 << 20, seed: 9), to: url) >= 400)
            }
            #expect(try await plain.content() == Self.bytes)
            try await service.ledger.settle()
        }
    }

    @Test func checksumsAreBoundIntoURLs() async throws {
        try await ServiceUnderTest.run { service in
            guard service.store.profile.checksumsEnforced else {
                let refused = try await SessionClient.open(
                    "a",
                    3,
                    with: ["checksum_algorithm": "sha256"],
                    on: service
                ).1
                #expect(refused.status == 400)
                return
            }
            let (client, opened) = try await SessionClient.open(
                "a",
                3,
                with: ["checksum_algorithm": "sha256"],
                on: service
            )
            #expect(opened.status == 201, "\(opened.text)")
            #expect(try await client.sign(["part_numbers": [1]]).status == 400)
            let checksum = try #require(Digest256(hex: SessionClient.digest([1, 2, 3]))).base64
            let signed = try await client.sign(["parts": [["part_number": 1, "checksum_sha256": checksum]]])
            #expect(signed.status == 200, "\(signed.text)")
            let url = signed.json["urls"][0]
            #expect(try await SessionClient.send([3, 2, 1], to: url) == 400)
            #expect(try await SessionClient.send([1, 2, 3], to: url) == 200)
            #expect(try await client.complete().status == 200)
        }
    }

    /// The client was away for longer than its URLs live.
    @Test func expiredURLsAreReplaced() async throws {
        try await ServiceUnderTest.run {
            $0.limits.urlLifetime = .seconds(1)
        } _: { service in
            let (client, opened) = try await SessionClient.open("a", 3, with: ["url_count": 1], on: service)
            let old = opened.json["urls"][0]
            try await eventually("the URL expires") {
                try await SessionClient.send([9, 9, 9], to: old) == 403
            }
            let new = try await client.sign(["part_numbers": [1]]).json["urls"][0]
            #expect(try await SessionClient.send([1, 2, 3], to: new) == 200)
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == [1, 2, 3])
        }
    }
}
