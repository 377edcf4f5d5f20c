import Determinism
import EventContracts
import Foundation
import NIOHTTP1
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("I11 sessions nobody feeds end, and those that make progress do not", .timeLimit(.minutes(2)))
struct AbandonedSessionTests {
    @Test func aThousandAreExpiredAndToldOf() async throws {
        try await ServiceUnderTest.run {
            $0.limits.expiryInterval = .milliseconds(50)
        } _: { service in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<10 {
                    group.addTask {
                        for round in 0..<100 {
                            let (client, opened) = try await SessionClient.open(
                                "\(lane)-\(round)",
                                3,
                                on: service
                            )
                            #expect(opened.status == 201)
                            if round % 10 == 0 { #expect(try await client.put(1, [1, 2, 3]).status == 200) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let (live, _) = try await SessionClient.open("live", 3, on: service)
            _ = try await service.pool.execute(
                "UPDATE uploads SET expires_at = clock_timestamp() WHERE name <> 'live'"
            )
            try await eventually(within: .seconds(60), "all are expired") {
                try await service.pool.query("SELECT count(*) FROM uploads WHERE state = 'EXPIRED'").first?
                    .int(0) == 1_000
            }
            let told = try await service.pool.query(
                "SELECT count(DISTINCT key) FROM outbox WHERE version = 1"
            )
            #expect(try told.first?.int(0) == 1_000)
            #expect(try await live.put(1, [1, 2, 3]).status == 200)
            #expect(try await live.complete().status == 200)
            try await service.ledger.settle()
        }
    }

    /// What went straight to the store is seen by whoever looks, and moves the deadline on.
    @Test func whatIsSeenInTheStoreIsProgress() async throws {
        try await ServiceUnderTest.run { service in
            let (client, opened) = try await SessionClient.open("a", 3, with: ["url_count": 1], on: service)
            func deadline() async throws -> Timestamp {
                try await #require(service.pool.query("SELECT expires_at FROM uploads").first).timestamp(0)
            }
            let first = try await deadline()
            #expect(try await client.facts().json["state"].text == "PENDING")
            #expect(try await deadline() == first)
            #expect(try await SessionClient.send([1, 2, 3], to: opened.json["urls"][0]) == 200)
            #expect(try await client.facts().json["state"].text == "ACTIVE")
            let second = try await deadline()
            #expect(second > first)
            #expect(try await client.facts().json["received_part_count"].number == 1)
            #expect(try await deadline() == second)
        }
    }
}
