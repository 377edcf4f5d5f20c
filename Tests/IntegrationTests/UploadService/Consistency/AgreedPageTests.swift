import ObjectStore
import PostgresClient
import ServiceParts
import Testing

@testable import UploadService

/// Rows without bytes, and a listing made of them: where the two agree, rows are not read.
@Suite("Consistency: pages that agree with their rows")
struct AgreedPageTests {
    private static let fill: Statement = """
        WITH keys AS (
            SELECT 'acme/2026/11/019a0000-0000-7000-8000-' || lpad(n::text, 12, '0') || '.1' AS key
              FROM generate_series(1, $1::bigint) n),
        uploads AS (
            INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, object_key, state, expires_at)
            SELECT gen_random_uuid(), gen_random_uuid(), 'acme', 'ann', 'x', 'text/plain', key, 'COMPLETED', now()
              FROM keys RETURNING id, file_id, object_key)
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, object_key, etag, state, version, created_at,
                           updated_at, published_version)
        SELECT file_id, id, 'acme', 'ann', object_key, 'text/plain', 5, object_key, 'e', 'AVAILABLE', 1,
               now() - interval '1 hour', now() - interval '1 hour', 1
          FROM uploads
        """
    private static let purge: Statement = """
        UPDATE files SET state = 'PURGED', delete_after = now() WHERE object_key = ANY ($1)
        """
    /// A column that only those read who compare rows one by one.
    private static let hide: Statement = "ALTER TABLE files RENAME COLUMN created_at TO hidden_at"
    private static let show: Statement = "ALTER TABLE files RENAME COLUMN hidden_at TO created_at"
    private static let count = 1_000

    private struct Bucket: Sendable {
        var keys: [String]

        /// A hundred at a time, from the deployment's marker on.
        var lister: ObjectListing.Lister {
            let sorted = (keys + [BucketIdentity.prefix + "x"]).sorted { KeyText($0) < KeyText($1) }
            return { after, token throws(StoreFailure) in
                let from = KeyText(token ?? after ?? "")
                let rest = sorted.filter { from < KeyText($0) }
                let page = rest.prefix(100).map { ListPage.Object(key: $0, size: 5, etag: "e") }
                return ListPage(objects: page, nextToken: rest.count > 100 ? page.last?.key : nil)
            }
        }
    }

    private let request = CheckRequest(requestedBy: "test", digests: .none)
    private static let part = CheckProgress.ranges + "000"

    private static func key(_ number: Int) -> String {
        "acme/2026/11/019a0000-0000-7000-8000-" + String(1_000_000_000_000 + number).dropFirst() + ".1"
    }

    private func with(
        summaryRowCount: Int = 3_000,
        _ body: (CheckWorld, Bucket) async throws -> Void
    ) async throws {
        try await CheckWorld.run({
            $0.hasWorker = false
            $0.checks.smallRangeRowCount = 100_000
            $0.checks.summaryRowCount = summaryRowCount
        }) { world in
            _ = try await world.pool.execute(Self.fill, Self.count)
            try await body(world, Bucket(keys: (1...Self.count).map(Self.key)))
        }
    }

    /// What is left of the rows when those of `numbers` were purged, and their objects with them.
    private func purge(_ numbers: ClosedRange<Int>, _ bucket: inout Bucket, _ world: CheckWorld) async throws
    {
        let keys = numbers.map(Self.key)
        let purged = try await world.pool.execute(Self.purge, keys)
        #expect(purged == numbers.count)
        bucket.keys.removeAll { keys.contains($0) }
    }

    @Test func theirRowsAreNotRead() async throws {
        try await with { world, bucket in
            _ = try await world.pool.execute(Self.hide)
            let id = try await world.begin(request)
            try await world.drive(world.tools(list: bucket.lister))
            let agreed = try await CheckStore.find(id, on: world.pool)?.progress.parts[Self.part]
            #expect(agreed?.isDone == true && agreed?.losses == [])
            #expect(agreed?.counts["objects"] == 1_000 && agreed?.counts["rows"] == 1_000)

            // Of one that does not agree they are.
            let other = try await world.begin(request)
            var less = bucket
            less.keys.removeAll { $0 == Self.key(500) }
            try await world.drive(world.tools(list: less.lister))
            let read = try await CheckStore.find(other, on: world.pool)?.progress.parts[Self.part]
            #expect(read?.losses.count == 1)
            _ = try await world.pool.execute(Self.show)
            #expect(
                try await world.check(request, list: less.lister).findings.map(\.subject) == [Self.key(500)]
            )
        }
    }

    /// Tombstones stay for ever: between two objects there may be any number of rows.
    @Test(arguments: [1, 7, 90, 100, 450, 1_000, 1_001])
    func rowsAreSummedUpSoManyAtATime(_ limit: Int) async throws {
        try await with(summaryRowCount: limit) { world, bucket in
            var bucket = bucket
            for gone in [1...3, 95...105, 200...640, 980...1_000] { try await purge(gone, &bucket, world) }
            let whole = try await RangeStore.digest(after: nil, upTo: nil, on: world.pool)
            let id = try await world.begin(request)
            let report = try await world.drive(world.tools(list: bucket.lister))
            #expect(report.checked["rows"] == 1_000)
            #expect(report.checked["objects"] == Int64(bucket.keys.count))
            #expect(try await world.findings(of: id) == [])
            let part = try await CheckStore.find(id, on: world.pool)?.progress.parts[Self.part]
            #expect(part?.isDone == true && part?.losses == [])
            #expect(part?.rows == whole && part?.counts["markers"] == 1)

            let (lost, strange) = ([6, 106, 199, 641, 979].map(Self.key), [98, 300, 990].map(Self.key))
            bucket.keys = bucket.keys.filter { !lost.contains($0) } + strange
            let findings = try await world.check(request, list: bucket.lister).findings
            let (missing, orphans) = (
                findings.filter { $0.kind == .missingObject }, findings.filter { $0.kind == .orphanObject }
            )
            #expect(missing.map(\.subject).sorted() == lost)
            // Nothing of the kind is in the store, which is asked again.
            #expect(orphans.isEmpty && findings.count == lost.count)
        }
    }

    /// Bytes are to be read back of each file, so that progress is saved behind each page; nobody knows their digests.
    @Test func whatADeadProcessHadComparedIsCountedOnce() async throws {
        try await with { world, bucket in
            var bucket = bucket
            try await purge(951...1_000, &bucket, world)
            let whole = try await RangeStore.digest(after: nil, upTo: nil, on: world.pool)
            let id = try await world.begin(CheckRequest(requestedBy: "test", digests: .full))
            _ = try? await world.drive(world.tools(list: CheckWorld.dying(after: 6, bucket.lister)))
            let halfway = try await CheckStore.find(id, on: world.pool)?.progress.parts[Self.part]
            #expect((300...600).contains(halfway?.rows?.count ?? 0) && halfway?.cursor != nil)
            try await world.drive(world.tools(list: bucket.lister))
            let part = try await CheckStore.find(id, on: world.pool)?.progress.parts[Self.part]
            #expect(part?.rows == whole && part?.cursor == Self.key(1_000))
            #expect(part?.counts["objects"] == 950 && part?.counts["unverifiable"] == 950)
        }
    }

    /// Keys that the database cannot hold, at the ends of pages and within them.
    @Test func foreignKeysWithANULAreFoundLikeOthers() async throws {
        try await with { world, bucket in
            var bucket = bucket
            // The marker is the first of the first page.
            let foreign = [
                Self.key(98) + "\0x", Self.key(99) + "\0x", Self.key(300) + "\0\0", Self.key(1_000) + "\0",
            ]
            bucket.keys += foreign
            for key in foreign { try await world.put(key, "bytes") }
            bucket.keys.removeAll { $0 == Self.key(700) }
            let (report, findings) = try await world.check(request, list: bucket.lister)
            #expect(report.checked["rows"] == 1_000 && report.checked["objects"] == 1_003)
            let found = findings.map { "\($0.kind.rawValue) \($0.subject)" }.sorted()
            let expected =
                foreign.map { "orphan_object " + $0.replacing("\0", with: "%00") } + [
                    "missing_object \(Self.key(700))"
                ]
            #expect(found == expected.sorted())
        }
    }
}
