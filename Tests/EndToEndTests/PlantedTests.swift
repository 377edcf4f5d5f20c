import AccessTokens
import Foundation
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import UploadService

@Suite("I42 every planted inconsistency is found, and nothing else", .timeLimit(.minutes(5)))
struct PlantedTests {
    private static let count = 5

    @Test func fiveOfEachKind() async throws {
        try await TestStack.with { stack in
            let checks = try await StackChecks.prepare(stack)
            let ids = try await store(stack)
            // Nothing of theirs is wrong: a session under way, what is in the trash, what is gone for good.
            let open = try await stack.openSession("open", size: 6 << 20, id: UUID().uuidString.lowercased())
            #expect(open.status == 201)
            try await stack.delete(ids[0])
            #expect(try await stack.delete(ids[1], purge: true).status == 200)
            try await eventually(within: .seconds(60), "the purged file is gone") {
                try await stack.uploadDatabase.query("SELECT FROM files WHERE state = 'PURGED'").count == 1
            }
            let healthy = try await checks.check()
            #expect(healthy.json["complete"] as? Bool == true, "\(healthy.text)")
            #expect(healthy.json["is_consistent"] as? Bool == true, "\(healthy.text)")
            let planted = try await plant(Array(ids.dropFirst(2)), stack)
            #expect(planted.count == FindingKind.allCases.count * Self.count)
            let report = try await checks.check()
            let found = try await checks.findings(of: report)
            #expect(Set(found.keys).subtracting(planted) == [], "found, though never planted: \(found)")
            #expect(planted.subtracting(found.keys) == [], "planted and not found")
            #expect(report.json["complete"] as? Bool == true, "\(report.text)")
            #expect(report.json["is_consistent"] as? Bool == false)
            #expect(
                try await stack.metric(
                    #"waybill_consistency_findings{kind="orphan_object"}"#,
                    of: .uploadService
                ) == 5
            )
        }
    }

    /// Enough files for every kind, indexed and known to be published.
    private func store(_ stack: TestStack) async throws -> [String] {
        var ids: [String] = []
        for number in 0..<(2 + 8 * Self.count) {
            ids.append(try await stack.store("file \(number)", "words \(number)"))
        }
        for id in ids.suffix(Self.count) {
            try await stack.delete(id)
            #expect(try await stack.restore(id).status == 200)
        }
        try await stack.becomesQuiet()
        try await eventually(within: .seconds(90), "all versions are noted as published") {
            try await stack.uploadDatabase.query("SELECT FROM files WHERE version > published_version")
                .isEmpty
        }
        return ids
    }

    private func plant(_ ids: [String], _ stack: TestStack) async throws -> Set<String> {
        var groups = stride(from: 0, to: ids.count, by: Self.count).map { Array(ids[$0..<($0 + Self.count)]) }
        var planted: Set<String> = []
        let database = stack.uploadDatabase
        // As if all of it had happened a while ago.
        _ = try await database.execute("UPDATE files SET updated_at = updated_at - interval '1 hour'")
        planted.formUnion(try await plantObjects(&groups, stack))
        for id in groups.removeFirst() {
            _ = try await stack.indexerDatabase.execute("DELETE FROM documents WHERE file_id = $1::uuid", id)
            planted.insert("index_missing \(id)")
        }
        planted.formUnion(try await plantGaps(groups.removeFirst(), stack))
        for number in 0..<Self.count {
            _ = try await database.execute(
                "INSERT INTO quotas (tenant, byte_limit, used_bytes) VALUES ('drift' || $1::int, 1000, 10)",
                number
            )
            planted.insert("quota_drift drift\(number)")
        }
        // The last were deleted and restored: they are at version 3.
        for id in groups.removeLast() {
            _ = try await stack.indexerDatabase.execute(
                "UPDATE documents SET version = 1 WHERE file_id = $1::uuid",
                id
            )
            planted.insert("index_stale \(id)")
        }
        for _ in 0..<Self.count {
            let (ghost, stuck) = (UUID().uuidString.lowercased(), UUID().uuidString.lowercased())
            _ = try await stack.indexerDatabase.execute(
                """
                INSERT INTO documents (file_id, version, tenant, owner, state, updated_at)
                VALUES ($1::uuid, 1, 'acme', 'ann', 'LIVE', now())
                """,
                ghost
            )
            _ = try await database.execute(
                """
                INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, object_key, state, expires_at, updated_at)
                VALUES ($1::uuid, gen_random_uuid(), 'acme', 'ann', $1, 'text/plain', 'acme/2026/01/' || $1 || '.1',
                        'COMPLETING', now() + interval '1 day', now() - interval '7 hours')
                """,
                stuck
            )
            planted.formUnion(["index_ghost \(ghost)", "stuck_state \(stuck)"])
        }
        return planted
    }

    /// Versions that were committed without an event; the index has them all the same, so that it is right.
    private func plantGaps(_ ids: [String], _ stack: TestStack) async throws -> Set<String> {
        for id in ids {
            let forget: Statement = """
                UPDATE files SET version = version + 1, updated_at = now() - interval '1 hour' WHERE id = $1::uuid
                """
            _ = try await stack.uploadDatabase.execute(forget, id)
            _ = try await stack.indexerDatabase.execute(
                "UPDATE documents SET version = version + 1 WHERE file_id = $1::uuid",
                id
            )
        }
        // Until the sweep's hold has come past them they might be on their way.
        try await eventually(within: .seconds(90), "the gaps can be told") {
            try await PublicationStore.gaps(
                after: nil,
                olderThan: .seconds(60),
                limit: 10,
                on: stack.uploadDatabase
            ).count == ids.count
        }
        return Set(ids.map { "event_gap \($0)" })
    }

    private func plantObjects(_ groups: inout [[String]], _ stack: TestStack) async throws -> Set<String> {
        var planted: Set<String> = []
        var keys: [[String]] = []
        for _ in 0..<3 {
            var group: [String] = []
            for id in groups.removeFirst() {
                let rows = try await stack.uploadDatabase.query(
                    "SELECT object_key FROM files WHERE id = $1::uuid",
                    id
                )
                group.append(try #require(rows.first).text(0))
            }
            keys.append(group)
        }
        let purged = try await stack.uploadDatabase.query(
            "SELECT object_key FROM files WHERE state = 'PURGED'"
        )
        let orphans =
            [
                try #require(purged.first).text(0), "holiday.jpg", "acme/2026/", "é",
                "acme/2026/11/\(UUID()).1",
            ]
        try await stack.withStore { store in
            for key in orphans {
                _ = try await store.put(key, body: .bytes(ByteBuffer(string: "orphan")))
                planted.insert("orphan_object \(key)")
            }
            for key in keys[0] {
                try await store.delete(key)
                planted.insert("missing_object \(key)")
            }
            for key in keys[1] {
                _ = try await store.put(
                    key,
                    body: .bytes(ByteBuffer(string: "much longer than it was before"))
                )
                planted.insert("size_mismatch \(key)")
            }
            for key in keys[2] {
                let size = try #require(try await store.head(key)).size
                let text = String(repeating: "?", count: Int(size))
                _ = try await store.put(key, body: .bytes(ByteBuffer(string: text)))
                planted.insert("digest_mismatch \(key)")
            }
            for number in 0..<Self.count {
                // The last on the key of a file that is complete.
                let key = number < 4 ? "acme/2026/11/\(UUID()).1" : keys[1][0]
                let id = try await store.createMultipartUpload(key, contentType: nil, metadata: [:])
                planted.insert("leaked_multipart \(id)")
            }
        }
        return planted
    }
}
