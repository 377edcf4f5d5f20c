import Foundation
import ObjectStore
import PostgresClient
import ServiceParts
import Synchronization
import Testing

@testable import UploadService

/// Rows without bytes, and a listing made of them, so that there can be many ranges.
@Suite("Consistency: ranges of keys")
struct CheckRangeTests {
    /// Nine keys of ten are one tenant's and of one month, and begin alike for long.
    private static let fill: Statement = """
        INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, object_key, state, expires_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'acme', 'ann', 'x', 'text/plain', key, 'COMPLETED', now()
          FROM (SELECT CASE WHEN n % 10 > 0 THEN 'acme/2026/11/019a0000-0000-7000-8000-' || lpad(n::text, 12, '0')
                            ELSE chr((97 + n % 26)::int) || 'x' || n || '/2026/0' || (1 + n % 9) || '/' || gen_random_uuid() END || '.1'
                       AS key FROM generate_series(1, $1::bigint) n) keys
        """
    private static let files: Statement = """
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, object_key, etag, state, version, created_at,
                           updated_at, published_version)
        SELECT file_id, id, tenant, owner, object_key, content_type, 5, object_key, 'e', 'AVAILABLE', 1,
               now() - interval '1 hour', now() - interval '1 hour', 1
          FROM uploads
        """
    private static let analyze: Statement = "ANALYZE uploads"
    private static let keys: Statement = "SELECT object_key FROM uploads ORDER BY object_key"
    private static let count = 2_000

    /// A listing of every row's object, but for those left out; and where each range began.
    private final class Listing: Sendable {
        let keys: [String]
        let missing: Mutex<Set<String>> = Mutex([])
        let starts: Mutex<[String?]> = Mutex([])

        init(_ keys: [String]) {
            self.keys = ([BucketIdentity.prefix + "x"] + keys).sorted {
                Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
            }
        }

        var lister: ObjectListing.Lister {
            { [self] after, token throws(StoreFailure) in
                if token == nil { starts.withLock { $0.append(after) } }
                let from = token ?? after ?? ""
                let left = missing.withLock { $0 }
                let rest = keys.filter { KeyText(from) < KeyText($0) && !left.contains($0) }
                let page = rest.prefix(100).map { ListPage.Object(key: $0, size: 5, etag: "e") }
                return ListPage(objects: page, nextToken: rest.count > 100 ? page.last?.key : nil)
            }
        }
    }

    private func with(
        rangeRowCount: Int64 = 100,
        smallRangeRowCount: Int64 = 100_000,
        rangeCount: Int = 4,
        summaryRowCount: Int = 3_000,
        _ body: (CheckWorld, Listing) async throws -> Void
    ) async throws {
        try await CheckWorld.run({
            $0.hasWorker = false
            $0.checks.rangeRowCount = rangeRowCount
            $0.checks.smallRangeRowCount = smallRangeRowCount
            $0.checks.rangeCount = rangeCount
            $0.checks.summaryRowCount = summaryRowCount
        }) { world in
            _ = try await world.pool.execute(Self.fill, Self.count)
            _ = try await world.pool.execute(Self.files)
            _ = try await world.pool.execute(Self.analyze)
            let keys = try await world.pool.query(Self.keys).map { try $0.text(0) }
            #expect(keys.count == Self.count)
            try await body(world, Listing(keys))
        }
    }

    private let full = CheckRequest(requestedBy: "test", digests: .none)
    private let incremental = CheckRequest(requestedBy: "test", mode: .incremental, digests: .none)

    @Test func theyAreOfAboutTheSameSizeHoweverKeysAreSpread() async throws {
        try await with { world, listing in
            for key in ["acme/2026/11/019a0000-0000-7000-8000-000000000777.1", listing.keys.last ?? ""] {
                _ = listing.missing.withLock { $0.insert(key) }
            }
            let (report, findings) = try await world.check(full, list: listing.lister)
            #expect(findings.map(\.subject).sorted() == listing.missing.withLock { $0.sorted() })
            #expect(report.coverage.ranges == 21 && report.coverage.rangesCompared == 21)
            #expect(report.checked["rows"] == Int64(Self.count))
            #expect(report.checked["objects"] == Int64(Self.count - 2))
            let check = try #require(try await CheckStore.newest(complete: false, on: world.pool))
            let sizes = check.progress.parts.filter { $0.key.hasPrefix(CheckProgress.ranges) }
                .map { $0.value.rows?.count ?? 0 }
            #expect(sizes.allSatisfy { (50...200).contains($0) }, "\(sizes)")
            // Each begins where another ends: nothing is listed twice.
            let starts = listing.starts.withLock { $0 }
            #expect(starts.count == 21 && Set(starts).count == 21 && starts.contains(nil))
        }
    }

    /// The other sources have ended long before the ranges: their places stay free.
    @Test func noMoreAreComparedAtOnceThanAllowed() async throws {
        try await with(rangeCount: 2) { world, listing in
            let atOnce = Mutex((now: 0, most: 0))
            let report = try await world.check(full) { after, token throws(StoreFailure) in
                atOnce.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                defer { atOnce.withLock { $0.now -= 1 } }
                while atOnce.withLock({ $0.most < 2 }) { await Task.yield() }
                for _ in 0..<200 { await Task.yield() }
                return try await listing.lister(after, token)
            }.report
            #expect(report.coverage.rangesCompared == 21)
            #expect(atOnce.withLock { $0.most } == 2)
        }
    }

    @Test func aFewKeysAreRangesToo() async throws {
        try await with(rangeRowCount: 100_000, smallRangeRowCount: 500) { world, listing in
            let report = try await world.check(full, list: listing.lister).report
            #expect(report.coverage.rangesCompared == 4 && report.checked["rows"] == Int64(Self.count))
        }
    }

    @Test func onlyRangesThatHaveChangedAreComparedAgain() async throws {
        try await with { world, listing in
            let first = try await world.check(full, list: listing.lister).report
            #expect(first.coverage.rangesCompared == 21)
            listing.starts.withLock { $0 = [] }

            let unchanged = try await world.check(incremental, list: listing.lister).report
            #expect(unchanged.coverage.rangesUnchanged == 21 && unchanged.checked["rows"] == 0)
            #expect(unchanged.coverage.rowsUnchanged == Int64(Self.count))
            #expect(unchanged.coverage.oldestComparisonAt == first.startedAt)
            #expect(listing.starts.withLock { $0.isEmpty })

            let changed = "acme/2026/11/019a0000-0000-7000-8000-000000001234.1"
            _ = try await world.pool.execute(
                "UPDATE files SET version = version + 1, published_version = version + 1 WHERE object_key = $1",
                changed
            )
            _ = listing.missing.withLock { $0.insert(changed) }
            let (report, findings) = try await world.check(incremental, list: listing.lister)
            #expect(findings.map(\.subject) == [changed])
            #expect(report.coverage.rangesCompared == 1 && report.coverage.rangesUnchanged == 20)
            let (compared, passed) = (report.coverage.rowsCompared, report.coverage.rowsUnchanged)
            #expect(compared + passed == Int64(Self.count) && (50...200).contains(compared))
            #expect(report.coverage.window == 86_400)
            #expect(report.coverage.oldestComparisonAt == first.startedAt)
            #expect(listing.starts.withLock { $0.count } == 1)
            #expect(!report.isComplete)
            // As long as something is wrong in it, and it alone.
            let again = try await world.check(incremental, list: listing.lister)
            #expect(again.findings.map(\.subject) == [changed])
            #expect(again.report.coverage.rangesCompared == 1)

            // What was compared longer ago than the window is compared again.
            _ = try await world.pool.execute(
                "UPDATE consistency_ranges SET compared_at = compared_at - interval '25 hours'"
            )
            listing.missing.withLock { $0 = [] }
            let late = try await world.check(incremental, list: listing.lister).report
            #expect(
                late.coverage.rangesCompared == late.coverage.ranges && late.coverage.rangesUnchanged == 0
            )
        }
    }

    /// What a process that died had compared is counted once.
    @Test func theRowsOfARangeAreDigestedOnceHoweverOftenItIsResumed() async throws {
        try await with(rangeRowCount: 100_000) { world, listing in
            listing.missing.withLock { $0 = Set(listing.keys.dropFirst().prefix(300)) }
            let id = try await world.begin(full)
            _ = try? await world.drive(world.tools(list: CheckWorld.dying(after: 6, listing.lister)))
            let part = CheckProgress.ranges + "000"
            let halfway = try await CheckStore.find(id, on: world.pool)?.progress.parts[part]
            let seen = try #require(halfway?.rows?.count)
            #expect((300..<Int64(Self.count)).contains(seen) && halfway?.cursor != nil)
            try await world.drive(world.tools(list: listing.lister))
            let whole = try await CheckStore.find(id, on: world.pool)?.progress.parts[part]?.rows
            #expect(whole?.count == Int64(Self.count))
            #expect(try await RangeStore.digest(after: nil, upTo: nil, on: world.pool) == whole)
        }
    }
}
