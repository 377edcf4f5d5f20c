import Determinism
import Foundation
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import ServiceParts
@testable import UploadService

@Suite("I37 the mark of how far a database has come only rises", .timeLimit(.minutes(2)))
struct HighWaterTests {
    private func sight(_ flushed: Int64) -> DatabaseSight {
        DatabaseSight(
            identity: "7/00000001/5/16400",
            epoch: 3,
            flushed: flushed,
            inserted: flushed,
            now: SystemTime().now,
            isClockWatched: true,
            serverStart: SystemTime().now,
            uptime: .zero
        )
    }

    private func with(_ body: (ServiceUnderTest, HighWaterMarks) async throws -> Void) async throws {
        try await ServiceUnderTest.withRepairs { service in
            let bucket = BucketIdentity(store: service.store, pool: service.pool)
            try await body(service, HighWaterMarks(store: service.store, bucket: bucket, service: "test"))
        }
    }

    @Test func itIsNeverLowered() async throws {
        try await with { _, marks in
            for (flushed, mark) in [(100, 100), (90, 100), (110, 110)] as [(Int64, Int64)] {
                try await marks.raise(to: sight(flushed))
                #expect(try await marks.mark(of: sight(0)) == mark)
            }
        }
    }

    /// The one that has looked first writes last, over nothing and over a mark.
    @Test(arguments: [0, 50] as [Int64])
    func twoThatRaceLeaveTheHigher(_ before: Int64) async throws {
        guard !TestBucket.isForeign else { return }
        try await with { service, marks in
            if before > 0 { try await marks.raise(to: sight(before)) }
            try await service.bucket.strike(
                #""method":"PUT","keyPrefix":".waybill/high-water/","action":"delay","milliseconds":2000,"count":1"#
            )
            let late = Task { try await marks.raise(to: sight(100)) }
            try await eventually("the lower one writes") { try await service.bucket.strikes() == [1] }
            try await marks.raise(to: sight(200))
            try await late.value
            #expect(try await marks.mark(of: sight(0)) == 200)
        }
    }

    @Test func aBucketThatKeepsVersionsKeepsOneOfIt() async throws {
        guard !TestBucket.isForeign else { return }
        try await with { service, marks in
            try await service.store.keepVersions()
            // Of a program that left them behind.
            let key = HighWaterMarks.prefix + "test/3/7-00000001-5-16400"
            for number in 1...150 {
                _ = try await service.store.put(key, body: .bytes(.init(string: String(number))))
            }
            _ = try await service.store.put(key + "9", body: .bytes(.init(string: "7")))
            try await marks.raise(to: sight(200))
            #expect(try await service.store.versions(of: key + "9") == [1])
            let left = try await service.store.versions(of: key).count
            #expect(left == 150 + 1 - 100 + 1, "no more than a few at a time")
            try await marks.raise(to: sight(201))
            #expect(try await service.store.versions(of: key).count == 2)
            #expect(try await marks.mark(of: sight(0)) == 201)
        }
    }
}
