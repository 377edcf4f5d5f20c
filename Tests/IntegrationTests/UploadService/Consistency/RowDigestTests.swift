import PostgresClient
import TestSupport
import Testing

@testable import UploadService

/// By this a check knows whether the rows of a range are those that were compared.
@Suite("A row's digest")
struct RowDigestTests {
    private static let digests: Statement = """
        SELECT row_digest(object_key, upload_state, file_state, version, size, etag, sha256) FROM (VALUES
            ('t/a.1', 'COMPLETED', 'AVAILABLE', 1::bigint, 5::bigint, 'e', sha256('a')),
            ('t/b.1', 'COMPLETED', 'AVAILABLE', 1, 5, 'e', sha256('a')),
            ('t/a.1', 'REAPED', 'AVAILABLE', 1, 5, 'e', sha256('a')),
            ('t/a.1', 'COMPLETED', 'DELETED', 1, 5, 'e', sha256('a')),
            ('t/a.1', 'COMPLETED', 'AVAILABLE', 2, 5, 'e', sha256('a')),
            ('t/a.1', 'COMPLETED', 'AVAILABLE', 1, 6, 'e', sha256('a')),
            ('t/a.1', 'COMPLETED', 'AVAILABLE', 1, 5, 'f', sha256('a')),
            ('t/a.1', 'COMPLETED', 'AVAILABLE', 1, 5, 'e', sha256('b')),
            ('t/a.1', 'COMPLETED', 'AVAILABLE', 1, 5, 'e', NULL),
            ('t/a.1', 'COMPLETED', NULL, NULL, NULL, NULL, NULL),
            ('t/a.1', 'PENDING', NULL, NULL, NULL, NULL, NULL),
            ('t/a.1', 'COMPLETED', 'AVAILABLE', 5, 1, 'e', sha256('a'))
        ) AS rows (object_key, upload_state, file_state, version, size, etag, sha256)
        """
    /// What the digests of many rows come to, one over the other, at two versions of all of them.
    private static let alike: Statement = """
        SELECT bit_xor(row_digest('t/' || n, 'COMPLETED', 'AVAILABLE', $1, 5, 'e', sha256('a')))
          FROM generate_series(1, $2) n
        """

    @Test func everythingThatIsComparedChangesIt() async throws {
        try await withTables { pool in
            let digests = try await pool.query(Self.digests).map { try $0.int64(0) }
            #expect(digests.count == 12 && Set(digests).count == 12)
        }
    }

    @Test func likeChangesOfManyRowsDoNotCancel() async throws {
        try await withTables { pool in
            for count in [2, 3, 64, 1_000] {
                let before = try await pool.query(Self.alike, 1, count).only().int64(0)
                let after = try await pool.query(Self.alike, 2, count).only().int64(0)
                #expect(before != after)
            }
        }
    }

    private func withTables(_ body: (PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.withSchema { pool in
            try await Migrator.migrate(Schema.migrations, on: pool)
            try await body(pool)
        }
    }
}
