import Foundation
import NIOHTTP1
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("Consistency: its routes")
struct CheckRouteTests {
    private static let path = "/api/v1/uploads/consistency-check"

    @Test func onlyOperatorsMayAsk() async throws {
        try await CheckWorld.run({ $0.hasChecks = true }) { world in
            let service = world.service
            for path in [Self.path, "\(Self.path)/\(UUID().uuidString)/findings"] {
                let answer = try await service.send(.GET, path)
                #expect(answer.status == 403 && answer.code == "SUPERUSER_REQUIRED")
                #expect(try await service.send(.GET, path, as: nil).status == 401)
            }
            #expect(try await service.send(.POST, Self.path).status == 403)
            let unknown = try await service.send(
                .GET,
                "\(Self.path)/\(UUID().uuidString)",
                as: ServiceUnderTest.root
            )
            #expect(unknown.status == 404 && unknown.code == "CHECK_NOT_FOUND")
        }
    }

    @Test func aCheckFromItsBeginningToItsFindings() async throws {
        try await CheckWorld.run({ $0.hasChecks = true }) { world in
            let service = world.service
            let files = try await world.store(4)
            for file in files.prefix(3) { try await service.store.delete(file.key) }
            let root = ServiceUnderTest.root
            let begun = try await service.send(.POST, "\(Self.path)?digests=none", as: root)
            #expect(begun.status == 202 && begun.json["state"].text == "RUNNING")
            let location = try #require(begun.fields.first(name: "location"))
            let events = try await service.send(.GET, "\(location)/events", as: root).text
            #expect(events.contains("event: report\ndata: {"))
            let report = try await service.send(.GET, location, as: root)
            #expect(report.status == 200 && report.json["counts"]["missing_object"].number == 3)
            #expect(report.json["orphaned_database_records"].items.count == 3)
            #expect(report.text.contains("\"complete\": false"))
            let first = try await service.send(.GET, "\(location)/findings?limit=2", as: root)
            #expect(first.json["findings"].items.count == 2)
            let cursor = try #require(first.json["next_cursor"].text)
            let second = try await service.send(
                .GET,
                "\(location)/findings?limit=2&cursor=\(cursor)",
                as: root
            )
            #expect(second.json["findings"].items.count == 1 && second.json["next_cursor"].text == nil)
            let lines = try await service.send(
                .GET,
                "\(location)/findings",
                as: root,
                fields: [("accept", "application/x-ndjson")]
            ).text.split(separator: "\n")
            #expect(lines.count == 3 && lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
            let newest = try await service.send(.GET, Self.path, as: root)
            #expect(newest.status == 200 && newest.json["age_seconds"].number != nil)
        }
    }

    @Test func oneAtATimeAndCancelled() async throws {
        try await CheckWorld.run { world in
            let (service, root) = (world.service, ServiceUnderTest.root)
            let begun = try await service.send(.POST, Self.path, as: root)
            let location = try #require(begun.fields.first(name: "location"))
            let second = try await service.send(.POST, Self.path, as: root)
            #expect(second.status == 409 && second.json["check_id"].text == begun.id)
            let waited = try await service.send(.GET, "\(Self.path)?wait=0", as: root)
            #expect(waited.status == 202 && waited.id == begun.id)
            let cancelled = try await service.send(.DELETE, location, as: root)
            #expect(cancelled.status == 200 && cancelled.json["state"].text == "CANCELLED")
            #expect(try await service.send(.DELETE, location, as: root).status == 200)
            #expect(try await service.send(.POST, Self.path, as: root).status == 202)
            let records = try await service.pool.query(
                "SELECT action, subject, actor, after FROM audit_entries ORDER BY number"
            )
            // Of what changed nothing there is nothing to tell.
            #expect(
                try records.map { try $0.text(0) } == ["check.started", "check.cancelled", "check.started"]
            )
            #expect(try records.prefix(2).allSatisfy { try $0.text(1) == begun.id })
            #expect(try records.allSatisfy { try $0.text(2).hasSuffix("/root") })
            #expect(try #require(records.first).text(3).contains("sampled"))
        }
    }
}
