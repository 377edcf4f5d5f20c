import Digests
import NIOCore
import ObjectStore
import PostgresClient
import TestSupport
import Testing

/// What the database says, checked against the invariants.
struct Ledger: Sendable {
    let pool: PostgresPool

    /// Uploads that have not come to exactly one end: COMPLETED with its file and one file.stored, or doomed with one
    /// upload.discarded and no file; no saga left.
    private static let unsettled: Statement = """
        WITH events AS (
            SELECT key, headers[array_position(headers, 'ce_type') + 1] AS type, event_id FROM outbox)
        SELECT u.name || ' ' || u.state FROM uploads u
         WHERE EXISTS (SELECT FROM sagas s WHERE s.kind IN ('upload.v1', 'complete.v1') AND s.subject = u.id)
            OR NOT CASE
               WHEN u.state = 'COMPLETED' THEN
                    (SELECT count(*) FROM events e WHERE e.key = u.file_id::text AND e.type = 'file.stored') = 1
                AND NOT EXISTS (SELECT FROM events e WHERE e.key = u.file_id::text AND e.type = 'upload.discarded')
                AND EXISTS (SELECT FROM files f WHERE f.id = u.file_id AND f.upload_id = u.id
                                                  AND f.object_key = u.object_key)
               WHEN u.state IN ('FAILED', 'ABORTED', 'EXPIRED') THEN
                    (SELECT count(*) FROM events e WHERE e.key = u.file_id::text) = 1
                AND EXISTS (SELECT FROM events e WHERE e.key = u.file_id::text AND e.type = 'upload.discarded')
                AND NOT EXISTS (SELECT FROM files f WHERE f.id = u.file_id)
               ELSE false END
        """
    private static let uploads: Statement = "SELECT name, state FROM uploads ORDER BY created_at"
    private static let badKeys: Statement = """
        SELECT count(*) FROM uploads
         WHERE object_key !~ '^[a-z0-9-]{1,63}/[0-9]{4}/[0-9]{2}/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}\\.[1-9][0-9]*$'
            OR (SELECT count(*) FROM uploads other WHERE other.object_key = uploads.object_key) <> 1
        """
    /// Events of versions that no committed row ever had.
    private static let phantoms: Statement = """
        SELECT event_id FROM outbox o
         WHERE o.event_id <> o.key || '.' || o.version
            OR NOT EXISTS (SELECT FROM files f WHERE f.id::text = o.key AND o.version BETWEEN 1 AND f.version)
           AND NOT EXISTS (SELECT FROM uploads u WHERE u.file_id::text = o.key AND o.version = 1
                              AND u.state IN ('FAILED', 'ABORTED', 'EXPIRED', 'REAPED'))
        """
    private static let available: Statement = """
        SELECT object_key, size, coalesce(sha256, verified_sha256) FROM files WHERE state = 'AVAILABLE'
        """
    private static let history: Statement = """
        SELECT headers[array_position(headers, 'ce_type') + 1], version FROM outbox WHERE key = $1 ORDER BY id
        """
    private static let openUploads: Statement = """
        SELECT count(*) FROM uploads WHERE state IN ('PENDING', 'ACTIVE', 'COMPLETING')
        """

    /// Waits until every upload has come to its end.
    func settle(within limit: Duration = .seconds(20)) async throws {
        try await eventually(within: limit, "every upload came to its end") {
            try await pool.query(Self.unsettled).isEmpty
        }
    }

    func uploads() async throws -> [String] {
        try await pool.query(Self.uploads).map { try "\($0.text(0)) \($0.text(1))" }
    }

    func openUploadCount() async throws -> Int { try await pool.query(Self.openUploads).first?.int(0) ?? -1 }

    /// Types and versions of one file's events, in order.
    func history(of id: String) async throws -> [String] {
        try await pool.query(Self.history, id).map { try "\($0.text(0)).\($0.int64(1))" }
    }

    /// I8 and I14.
    func expectGoodKeysAndEvents() async throws {
        #expect(try await pool.query(Self.badKeys).first?.int(0) == 0)
        #expect(try await pool.query(Self.phantoms).map { try $0.text(0) } == [])
    }

    /// I1: every AVAILABLE file is read back and hashed again.
    func expectBytes(in store: S3Store) async throws {
        for row in try await pool.query(Self.available) {
            var hasher = SHA256Hasher()
            var size: Int64 = 0
            for try await bytes in try await store.get(try row.text(0)).body {
                bytes.withUnsafeReadableBytes { hasher.update($0) }
                size += Int64(bytes.readableBytes)
            }
            #expect(try size == row.int64(1))
            if let known = try row.optionalBytes(2) { #expect(hasher.finalize().bytes == known) }
        }
    }
}
