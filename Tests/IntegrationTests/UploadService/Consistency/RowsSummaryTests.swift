import Digests
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

/// What is said of rows in short is all that a check knows of those that it does not read.
@Suite("Consistency: rows in short")
struct RowsSummaryTests {
    private typealias Object = ObjectListing.Object

    /// Rows of every kind, those that must have an object and those that need not.
    private static let rows = [
        ("t/B.1", "COMPLETED", "AVAILABLE"), ("t/a.1", "COMPLETED", "AVAILABLE"), ("t/b.1", "PENDING", nil),
        ("t/c.1", "COMPLETED", "DELETED"),
        ("t/d.1", "COMPLETED", "PURGED"), ("t/e.1", "REAPED", nil), ("t/f.1", "COMPLETED", "QUARANTINED"),
        ("t/g.1", "COMPLETED", "PURGING"), ("t/\u{1F600}.1", "COMPLETED", "AVAILABLE"),
    ]
    private static let insert: Statement = """
        WITH upload AS (
            INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, object_key, state, expires_at, failure_reason)
            VALUES (gen_random_uuid(), gen_random_uuid(), 't', 'ann', $1, 'text/plain', $1, $2, now(),
                    CASE WHEN $2 = 'REAPED' THEN 'gone' END)
            RETURNING id, file_id)
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, object_key, etag, state, version, delete_after,
                           created_at, updated_at)
        SELECT file_id, id, 't', 'ann', $1, 'text/plain', 5, $1, 'e', $3, 1,
               CASE WHEN $3 NOT IN ('AVAILABLE', 'QUARANTINED') THEN now() END, now(), now()
          FROM upload WHERE $3::text IS NOT NULL
        """

    private func with(
        _ rows: [(String, String, String?)] = Self.rows,
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        try await TestDatabase.withSchema { pool in
            try await Migrator.migrate(Schema.migrations, on: pool)
            for row in rows { _ = try await pool.execute(Self.insert, row.0, row.1, row.2) }
            try await body(pool)
        }
    }

    private static func object(_ key: String, _ size: Int64 = 5, _ etag: String = "e") -> Object {
        Object(key: KeyText(key), state: ObjectState(size: size, etag: etag))
    }

    private func summary(
        after: String? = nil,
        upTo: String? = nil,
        limit: Int = 100,
        _ pool: PostgresPool
    ) async throws -> RowsSummary {
        try await SummaryStore.summary(
            after: after.map(KeyText.init),
            upTo: upTo.map(KeyText.init),
            limit: limit,
            on: pool
        )
    }

    @Test func onlyTheObjectsThatRowsStandForAgreeWithThem() async throws {
        try await with { pool in
            let rows = try await summary(pool)
            let right = ["t/B.1", "t/a.1", "t/c.1", "t/\u{1F600}.1"].map { Self.object($0) }
            #expect(rows.agree(with: right[...]))
            #expect((rows.count, rows.quarantinedCount, rows.filelessCount) == (9, 1, 0))
            #expect(rows.objects.count == 4 && rows.last == right.last?.key)
            let whole = try await RangeStore.digest(after: nil, upTo: nil, on: pool)
            #expect(whole == RangeDigest(count: 9, digest: "\(rows.digest)"))

            for place in right.indices {
                let key = right[place].key.text
                var others = [[Object]](repeating: right, count: 5)
                others[0][place] = Self.object(key, 6)
                others[1][place] = Self.object(key, 5, "f")
                others[2][place] = Self.object(key, 5, "")
                others[3][place] = Self.object(key + "x")
                others[4].remove(at: place)
                for other in others { #expect(!rows.agree(with: other[...]), "\(other)") }
            }
            // One that nobody knows, and those of which a row says that they may be there, or must not.
            for key in ["t/0.1", "t/b.1", "t/d.1", "t/e.1", "t/f.1", "t/g.1"] {
                let more = (right + [Self.object(key)]).sorted { $0.key < $1.key }
                #expect(!rows.agree(with: more[...]), "\(key)")
            }
        }
    }

    @Test(arguments: [(0, "e"), (Int64.max, ""), (1 << 40, "\"é\"-2")])
    func sizesAndETagsAreWrittenAlike(_ size: Int64, _ etag: String) async throws {
        try await with([("t/a.1", "COMPLETED", "AVAILABLE")]) { pool in
            _ = try await pool.execute("UPDATE files SET size = $1, etag = $2", size, etag)
            let rows = try await summary(pool)
            #expect(rows.agree(with: [Self.object("t/a.1", size, etag)]))
            #expect(!rows.agree(with: [Self.object("t/a.1", size, etag + "e")]))
        }
    }

    @Test func aCompletedUploadWithoutAFileAgreesWithNothing() async throws {
        try await with([("t/a.1", "COMPLETED", nil), ("t/b.1", "COMPLETED", "AVAILABLE")]) { pool in
            let (right, rows) = ([Self.object("t/b.1")], try await summary(pool))
            #expect(rows.filelessCount == 1 && rows.objects == PageDigest(of: right[...]))
            #expect(!rows.agree(with: right[...]))
            #expect(try await summary(after: "t/a.1", pool).agree(with: right[...]))
        }
    }

    @Test func theyAreThoseBehindOneKeyAndUpToAnother() async throws {
        try await with { pool in
            let some = try await summary(after: "t/a.1", upTo: "t/c.1", pool)
            #expect(some.count == 2 && some.agree(with: [Self.object("t/c.1")]))
            let rest = try await summary(after: "t/c.1", pool)
            #expect(rest.count == 5 && rest.agree(with: [Self.object("t/\u{1F600}.1")]))
            let none = try await summary(after: "t/a.1", upTo: "t/a.1", pool)
            #expect(none.count == 0 && none.digest == 0 && none.last == nil && none.agree(with: []))
        }
    }

    @Test func ofManyRowsTheFirstAreSummedUp() async throws {
        try await with { pool in
            let first = try await summary(limit: 2, pool)
            #expect(first.count == 2 && first.last == KeyText("t/a.1"))
            #expect(first.agree(with: [Self.object("t/B.1"), Self.object("t/a.1")]))
            let next = try await summary(after: "t/a.1", upTo: "t/c.1", limit: 1, pool)
            #expect(next.count == 1 && next.last == KeyText("t/b.1") && next.agree(with: []))
        }
    }

    /// A store may have keys that the database cannot hold, and a page may end with one.
    @Test func aBoundWithANULIsTheSameWithoutIt() async throws {
        try await with { pool in
            let some = try await summary(after: "t/a.1\0x", upTo: "t/c.1\0x", pool)
            #expect(some.count == 2 && some.last == KeyText("t/c.1"))
            #expect(try await summary(after: "t/a.", upTo: "t/a.\0z", pool).count == 0)
            #expect(try await summary(after: "t/a.\0z", upTo: "t/a.1", pool).count == 1)
            let rows = try await ComparisonStore.page(
                after: KeyText("t/a.1\0x"),
                upTo: KeyText("t/c.1\0x"),
                limit: 9,
                on: pool
            )
            #expect(rows.map(\.key.text) == ["t/b.1", "t/c.1"])
        }
    }

    /// As many lines can be those of other objects when a key may have line feeds in it.
    @Test func linesOfOtherObjectsAreNotTakenForThose() async throws {
        let keys = ["a\n5\ne\nb", "c"]
        try await with(keys.map { ($0, "COMPLETED", "AVAILABLE") }) { pool in
            let rows = try await summary(pool)
            let others = [Self.object("a"), Self.object("b\n5\ne\nc")]
            let lines = others.map { "\($0.key)\n\($0.state.size)\n\($0.state.etag)\n" }.joined()
            #expect(rows.objects == PageDigest(count: others.count, sha256: .of(lines)))
            #expect(PageDigest(of: others[...]) == nil && !rows.agree(with: others[...]))
            // These are compared one by one.
            #expect(!rows.agree(with: [Self.object(keys[0]), Self.object(keys[1])]))
        }
    }
}
