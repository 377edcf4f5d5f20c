import Digests
import Foundation
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

/// The list of parts a session is completed with is that of one instant: nothing that comes meanwhile costs the parts that are
/// there.
@Suite(.timeLimit(.minutes(3))) struct FrozenListTests {
    private static let first: [UInt8] = [1, 2, 3]
    private static let second: [UInt8] = [4, 5, 6]

    /// Many sessions of one part, which lies in the store already, eight at a time; two completions against `rival`.
    private static func race(
        _ kind: String?,
        on service: ServiceUnderTest,
        _ rival: @escaping @Sendable (SessionClient) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<8 {
                group.addTask {
                    for round in 0..<12 {
                        let extra = kind.map { ["checksum_algorithm": $0] } ?? [:]
                        let (client, _) = try await SessionClient.open(
                            "\(lane)-\(round)",
                            3,
                            with: extra,
                            on: service
                        )
                        let url = try await client.sign(try wanted(first, kind)).json["urls"][0]
                        #expect(try await SessionClient.send(first, to: url) == 200)
                        async let one = client.complete()
                        async let contest: Void = rival(client)
                        async let other = client.complete()
                        let answers = try await [one, other]
                        try await contest
                        #expect(answers.allSatisfy { $0.status < 500 }, "\(answers.map(\.text))")
                        let state = try await client.state()
                        #expect(["PENDING", "ACTIVE", "COMPLETED"].contains(state), "\(answers.map(\.text))")
                        guard state != "COMPLETED" else { continue }
                        // Signed for other bytes than lie there, the part has to come again.
                        let last = try await client.complete()
                        #expect(last.status == (kind == nil ? 200 : 422), "\(last.text)")
                    }
                }
            }
            try await group.waitForAll()
        }
        let leftOver = try await service.pool.query(
            "SELECT count(*) FROM upload_parts JOIN uploads ON id = upload_id WHERE state = 'COMPLETED'"
        )
        #expect(try leftOver.first?.int(0) == 0)
    }

    private static func wanted(_ bytes: [UInt8], _ kind: String?) throws -> [String: Any] {
        guard kind != nil else { return ["part_numbers": [1]] }
        let checksum = try #require(Digest256(hex: SessionClient.digest(bytes))).base64
        return ["parts": [["part_number": 1, "checksum_sha256": checksum]]]
    }

    @Test func partThatComesAgainMeanwhile() async throws {
        try await ServiceUnderTest.run { service in
            try await Self.race(nil, on: service) { client in
                let answer = try await client.put(1, Self.second)
                #expect([200, 409].contains(answer.status), "\(answer.text)")
            }
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
        }
    }

    @Test func partThatIsSignedAnewMeanwhile() async throws {
        try await ServiceUnderTest.run { service in
            guard service.store.profile.checksumsEnforced else { return }
            try await Self.race("sha256", on: service) { client in
                for _ in 0..<3 {
                    let answer = try await client.sign(try Self.wanted(Self.second, "sha256"))
                    #expect([200, 409].contains(answer.status), "\(answer.text)")
                }
            }
        }
    }

    /// Somebody with an old URL has overwritten a part. Asking again does not make it right.
    @Test func whatIsWrongStaysWrongUntilItIsSentAgain() async throws {
        try await ServiceUnderTest.run { service in
            let (client, opened) = try await SessionClient.open("a", 3, with: ["url_count": 1], on: service)
            #expect(try await client.put(1, Self.first).status == 200)
            let url = opened.json["urls"][0]
            for _ in 0..<2 {
                #expect(try await SessionClient.send(Self.second, to: url) == 200)
                for _ in 0..<2 {
                    let refused = try await client.complete()
                    #expect(refused.status == 422 && refused.code == "PARTS_WRONG", "\(refused.text)")
                }
                #expect(try await client.facts().json["missing_parts"].items.count == 1)
                #expect(try await client.put(1, Self.first).status == 200)
            }
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == Self.first)
        }
    }

    /// A new URL is a new beginning for its part.
    @Test func whatIsWrongMayGoStraightToTheStore() async throws {
        try await ServiceUnderTest.run { service in
            let (client, opened) = try await SessionClient.open("a", 3, with: ["url_count": 1], on: service)
            #expect(try await client.put(1, Self.first).status == 200)
            #expect(try await SessionClient.send(Self.second, to: opened.json["urls"][0]) == 200)
            #expect(try await client.complete().code == "PARTS_WRONG")
            let url = try await client.sign(["part_numbers": [1]]).json["urls"][0]
            #expect(try await SessionClient.send(Self.second, to: url) == 200)
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == Self.second)
        }
    }
}
