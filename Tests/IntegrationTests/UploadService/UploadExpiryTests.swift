import Determinism
import EventContracts
import Foundation
import HTTPServing
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("I11 an upload stays beyond its deadline only while it makes progress", .timeLimit(.minutes(2)))
struct UploadExpiryTests {
    private static let deadline: Statement = """
        SELECT expires_at, expires_at <= clock_timestamp(), clock_timestamp() FROM uploads WHERE name = $1
        """

    private func deadline(_ name: String, _ service: ServiceUnderTest) async throws -> Timestamp {
        try await #require(service.pool.query(Self.deadline, name).first).timestamp(0)
    }

    /// The client sends one byte more only when the deadline has moved on after the last one, until the first deadline is
    /// long over.
    @Test func aSlowClientThatGoesOnIsNeverExpired() async throws {
        try await ServiceUnderTest.run {
            $0.limits.sagaLease = .seconds(3)
            $0.limits.expiry = .seconds(5)
            $0.limits.expiryInterval = .milliseconds(100)
        } _: { service in
            let client = try service.connect()
            try await client.send(service.head("slow", length: "transfer-encoding: chunked"))
            try await eventually { try await service.ledger.openUploadCount() == 1 }
            let first = try await deadline("slow", service)
            var last = first
            var size = 0
            while last.duration(since: first) < .seconds(5) {
                try await client.send("1\r\nx\r\n")
                size += 1
                let before = last
                try await eventually("byte \(size) moves the deadline") {
                    last = try await deadline("slow", service)
                    return last > before
                }
            }
            try await client.send("0\r\n\r\n")
            let answer = try await client.receive(within: 30) { $0.contains("\"version\":1}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
            #expect(answer.text.contains("\"size\":\(size)"))
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
            #expect(try await service.ledger.uploads() == ["slow COMPLETED"])
        }
    }

    /// Its process lives and renews the lease; that does not count.
    @Test func aClientThatStopsIsExpiredAndItsBytesAreReaped() async throws {
        try await ServiceUnderTest.run {
            $0.limits.sagaLease = .seconds(3)
            $0.limits.expiry = .seconds(4)
            $0.limits.expiryInterval = .milliseconds(100)
            $0.connection.bodyStallTimeout = .seconds(90)
        } _: { service in
            let client = try service.connect()
            try await client.send(service.head("still", length: "content-length: 5") + "hel")
            try await eventually(within: .seconds(30), "expired") {
                try await service.ledger.uploads() == ["still EXPIRED"]
            }
            let answer = try await client.receive { $0.contains("\r\n\r\n") }
            #expect(answer.text.hasPrefix("HTTP/1.1 503"), "\(answer.text)")
            try await service.ledger.settle()
            try await service.ledger.expectGoodKeysAndEvents()
            #expect(try await service.upload("still").status == 201)

            let row = try await #require(
                service.pool.query("SELECT id, file_id, object_key FROM uploads WHERE state = 'EXPIRED'")
                    .first
            )
            let removed = RemovedUpload(uploadID: try row.uuid(0), objectKey: try row.text(2))
            try await service.reply(to: try row.uuid(1).text, version: 1, .uploadBytesRemoved(removed))
            #expect(try await service.ledger.uploads() == ["still REAPED", "still COMPLETED"])
        }
    }

    /// Each upload comes to one end, whether completion or the deadline is first.
    @Test func theDeadlineRacesCompletionFairly() async throws {
        try await ServiceUnderTest.run {
            $0.limits.expiry = .milliseconds(25)
            $0.limits.expiryInterval = .milliseconds(2)
        } _: { service in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        try await service.upload("f\(number)", Array(repeating: 7, count: number * 1_000))
                            .status
                    }
                }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { [201, 503].contains($0) }, "\(Set(statuses))")
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
            let ends = try await service.ledger.uploads().map { $0.split(separator: " ")[1] }
            let completedCount = ends.count { $0 == "COMPLETED" }
            #expect(completedCount == statuses.count { $0 == 201 })
            #expect(ends.allSatisfy { ["COMPLETED", "EXPIRED"].contains($0) }, "\(Set(ends))")
        }
    }
}
