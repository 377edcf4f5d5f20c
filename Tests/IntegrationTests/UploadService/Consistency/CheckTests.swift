import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("Consistency: what is found, and what is not")
struct CheckTests {
    /// Without an indexer the index is left out, which is said.
    private static let withoutIndex = ["events", "index"]

    @Test func aHealthyServiceHasNoFindings() async throws {
        try await CheckWorld.run { world in
            try await world.store(20)
            _ = try await world.service.send(.DELETE, "/api/v1/files/\(world.keys()[0].id)")
            let (report, findings) = try await world.check()
            #expect(findings.isEmpty && report.counts.values.allSatisfy { $0 == 0 })
            #expect(report.skipped.keys.sorted() == Self.withoutIndex)
            #expect(!report.isComplete && !report.isConsistent)
            #expect(report.checked["objects"] == 20 && report.checked["digests"] == 20)
        }
    }

    @Test func objectsRowsAndUploadsThatDisagree() async throws {
        try await CheckWorld.run { world in
            let files = try await world.store(12)
            let orphan = CheckWorld.foreignKey()
            for key in [orphan, "holiday.jpg", "~~/last", "\u{FFFD}", "\u{10000}"] {
                try await world.put(key, "x")
            }
            try await world.service.store.delete(files[0].key)
            try await world.put(files[1].key, "longer than it was, or shorter")
            try await world.put(files[2].key, String(repeating: "?", count: 15))
            let leaked = try await world.service.store.createMultipartUpload(
                CheckWorld.foreignKey(),
                contentType: nil,
                metadata: [:]
            )
            let (report, findings) = try await world.check()
            let found = Set(findings.map { "\($0.kind.rawValue) \($0.subject)" })
            let size = try await world.pool.query("SELECT size FROM files WHERE id = $1::uuid", files[2].id)
            let kind = try size.first?.int(0) == 15 ? "digest_mismatch" : "size_mismatch"
            var expected: Set = [
                "missing_object \(files[0].key)", "size_mismatch \(files[1].key)", "\(kind) \(files[2].key)",
                "leaked_multipart \(leaked)",
            ]
            for key in [orphan, "holiday.jpg", "~~/last", "\u{FFFD}", "\u{10000}"] {
                expected.insert("orphan_object \(key)")
            }
            #expect(found == expected)
            #expect(report.orphanedRows == [files[0].key] && report.orphanedObjects.count == 5)
            #expect(findings.first { $0.subject == files[0].key }?.rowVersion == 1)
        }
    }

    /// One file's row is gone, another's names a key at which there is nothing: both uploads say that there is a file.
    @Test func completedUploadsWithoutTheirFileAreFound() async throws {
        try await CheckWorld.run { world in
            let files = try await world.store(3)
            _ = try await world.pool.execute("DELETE FROM files WHERE object_key = $1", files[0].key)
            _ = try await world.pool.execute(
                "UPDATE files SET object_key = object_key || 'x' WHERE object_key = $1",
                files[1].key
            )
            let findings = try await world.check().findings
            #expect(Set(findings.map(\.subject)) == [files[0].key, files[1].key])
            #expect(findings.allSatisfy { $0.kind == .stuckState && $0.rowState == "COMPLETED" })
        }
    }

    /// Another ETag with the same bytes: somebody has copied the object. Its digest tells.
    @Test func anotherETagAloneIsNoFinding() async throws {
        try await CheckWorld.run { world in
            let files = try await world.store(2)
            _ = try await world.pool.execute(
                "UPDATE files SET etag = 'before-2' WHERE object_key = $1",
                files[0].key
            )
            _ = try await world.pool.execute(
                "UPDATE files SET etag = 'before-2', sha256 = NULL, verified_sha256 = NULL WHERE object_key = $1",
                files[1].key
            )
            let (report, findings) = try await world.check()
            #expect(findings.map(\.subject) == [files[1].key])
            #expect(findings.first?.detail.hasPrefix("etag: ") == true)
            #expect(report.details["etag_changed"] == 1)
        }
    }

    @Test func damagedBytesBehindTheSameETagAreFoundByTheirDigest() async throws {
        try await CheckWorld.run { world in
            let files = try await world.store(3)
            _ = try await world.pool.execute(
                "UPDATE files SET sha256 = sha256(object_key::bytea) WHERE object_key = $1",
                files[1].key
            )
            let found = try await world.check().findings
            #expect(found.map(\.subject) == [files[1].key] && found.first?.kind == .digestMismatch)
            let without = CheckRequest(requestedBy: "test", digests: .none)
            #expect(try await world.check(without).findings.isEmpty)
        }
    }

    /// What was discarded is proven gone only when the cleanup consumer has looked twice, with the longest time between that a late
    /// write can take.
    @Test(arguments: [(1_800, 2), (7_200, 1)])
    func rowsThatDoNotMoveOnAreStuck(lateSeconds: Int, count: Int) async throws {
        try await CheckWorld.run({
            $0.hasWorker = false
            $0.checks.late = .seconds(lateSeconds)
        }) { world in
            let files = try await world.store(3)
            for (file, state) in zip(files, ["COMPLETING", "FAILED", "COMPLETED"]) {
                _ = try await world.pool.execute(
                    """
                    UPDATE uploads SET state = $2, updated_at = now() - interval '7 hours',
                           failure_reason = CASE WHEN $2 = 'FAILED' THEN 'test' END
                     WHERE object_key = $1
                    """,
                    file.key,
                    state
                )
            }
            let stuck = try await world.check().findings.filter { $0.kind == .stuckState }
            #expect(Set(stuck.compactMap(\.objectKey)) == Set(files.prefix(count).map(\.key)))
        }
    }

    @Test func sightingsAreCountedWhileTheObjectStaysTheSame() async throws {
        try await CheckWorld.run { world in
            let key = CheckWorld.foreignKey()
            let sightings: () async throws -> Int = {
                try await world.pool.query(
                    "SELECT sightings FROM orphan_sightings WHERE object_key = $1",
                    key
                )
                .first?.int(0) ?? 0
            }
            try await world.put(key, "one")
            for count in 1...2 {
                _ = try await world.check()
                #expect(try await sightings() == count)
            }
            try await world.put(key, "two")
            _ = try await world.check()
            #expect(try await sightings() == 1)
        }
    }

    @Test func unchangedRangesArePassedOverAndThatIsSaid() async throws {
        try await CheckWorld.run { world in
            let files = try await world.store(3)
            _ = try await world.check()
            let incremental = CheckRequest(requestedBy: "test", mode: .incremental, digests: .none)
            let unchanged = try await world.check(incremental).report
            #expect(unchanged.coverage.rangesUnchanged == 1 && unchanged.coverage.rangesCompared == 0)
            #expect(unchanged.skipped["objects/000"]?.hasPrefix("unchanged since") == true)
            #expect(!unchanged.isComplete && !unchanged.isConsistent)
            _ = try await world.service.send(.DELETE, "/api/v1/files/\(files[0].id)")
            try await world.service.store.delete(files[1].key)
            let changed = try await world.check(incremental)
            #expect(changed.findings.map(\.subject) == [files[1].key])
            // What was found in it keeps a range from being passed over.
            #expect(try await world.check(incremental).findings.count == 1)
        }
    }
}
