import Determinism
import Digests
import PostgresClient

import struct FoundationEssentials.UUID

/// What a repair reads of others' tables: checks, findings, sightings, and the rows that have a key.
enum RepairSourceStore {
    private static let check: Statement = """
        SELECT state, coalesce(is_complete, false), incarnation, coalesce((report #>> '{checked,objects}')::bigint, 0)
          FROM consistency_checks WHERE id = $1
        """
    private static let newestCheck: Statement = """
        SELECT id FROM consistency_checks WHERE state = 'COMPLETED' AND is_complete
         ORDER BY finished_at DESC LIMIT 1
        """
    private static let findings: Statement = """
        SELECT f.id, f.kind, f.subject, coalesce(f.tenant, u.tenant), coalesce(f.file_id, x.id),
               coalesce(f.upload_id, u.id), f.object_key, f.multipart_id, f.row_version, f.row_state, f.size,
               f.etag, u.state, x.state
          FROM consistency_findings f
          LEFT JOIN uploads u ON u.object_key = f.object_key
          LEFT JOIN files x ON x.upload_id = u.id
         WHERE f.check_id = $1 AND f.id > $2 AND f.kind = ANY ($3::text[])
           AND ($4::bigint[] IS NULL OR f.id = ANY ($4))
         ORDER BY f.id LIMIT $5
        """
    private static let isReplica: Statement = "SELECT pg_is_in_recovery()"
    /// As the relay and the checks tell it.
    private static let surroundings: Statement = """
        SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8), clock_timestamp()
          FROM pg_control_system()
        """
    /// Seen twice or more, unchanged, and for how long by the database's clock; in this epoch.
    private static let sightings: Statement = """
        SELECT sightings, (extract(epoch FROM last_seen_at - first_seen_at) * 1000)::bigint
          FROM orphan_sightings
         WHERE object_key = $1 AND etag = $2 AND size = $3 AND epoch = (SELECT epoch FROM incarnation)
        """
    private static let standing: Statement = """
        SELECT u.state, x.state, u.id, u.file_id
          FROM uploads u LEFT JOIN files x ON x.upload_id = u.id WHERE u.object_key = $1
           FOR SHARE OF u
        """
    private static let fileOfKey: Statement = "SELECT state FROM files WHERE object_key = $1"
    private static let digest: Statement =
        "SELECT coalesce(sha256, verified_sha256) FROM files WHERE object_key = $1"
    private static let isReserved: Statement = "SELECT 1 FROM uploads WHERE file_id = $1"
    private static let versionAbove: Statement = "SELECT next_version($1), clock_timestamp()"
    private static let isOpenMultipart: Statement = """
        SELECT 1 FROM uploads WHERE s3_upload_id = $1 AND state IN ('PENDING', 'ACTIVE', 'COMPLETING')
        """

    struct Check: Equatable, Sendable {
        let isCompleted: Bool
        let isComplete: Bool
        let incarnation: String
        let checkedCount: Int64
    }

    static func check(_ id: UUID, on pool: PostgresPool) async throws(DatabaseError) -> Check? {
        guard let row = try await pool.query(check, id).first else { return nil }
        return Check(
            isCompleted: try row.text(0) == "COMPLETED",
            isComplete: try row.bool(1),
            incarnation: try row.text(2),
            checkedCount: try row.int64(3)
        )
    }

    static func newestCheck(on pool: PostgresPool) async throws(DatabaseError) -> UUID? {
        try await pool.query(newestCheck).first?.uuid(0)
    }

    /// One page, in the order of their ids. What this program does not know is left out.
    static func findings(
        of check: UUID,
        after id: Int64,
        kinds: [RepairKind],
        ids: [Int64]?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [RepairFinding] {
        let rows = try await pool.query(findings, check, id, kinds.map(\.rawValue), ids, limit)
        var found: [RepairFinding] = []
        for row in rows { if let finding = try finding(row) { found.append(finding) } }
        return found
    }

    private static func finding(_ row: Row) throws(DatabaseError) -> RepairFinding? {
        guard let kind = RepairKind(rawValue: try row.text(1)) else { return nil }
        return RepairFinding(
            id: try row.int64(0),
            kind: kind,
            subject: try row.text(2),
            tenant: try row.optionalText(3),
            fileID: try row.optionalUUID(4),
            uploadID: try row.optionalUUID(5),
            objectKey: try row.optionalText(6),
            multipartID: try row.optionalText(7),
            rowVersion: try row.optionalInt64(8),
            rowState: try row.optionalText(9),
            size: try row.optionalInt64(10),
            etag: try row.optionalText(11),
            upload: try row.optionalText(12).flatMap(UploadState.init),
            file: try row.optionalText(13).flatMap(FileState.init)
        )
    }

    /// - Returns: nil on a replica, whose rows may be old.
    static func surroundings(
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> (incarnation: String, now: Timestamp)? {
        guard try await tx.query(isReplica).first?.bool(0) == false,
            let row = try await tx.query(surroundings).first
        else { return nil }
        return (try row.text(0), try row.timestamp(1))
    }

    static func surroundings(
        on pool: PostgresPool
    ) async throws(DatabaseError) -> (incarnation: String, now: Timestamp)? {
        guard try await pool.query(isReplica).first?.bool(0) == false,
            let row = try await pool.query(surroundings).first
        else { return nil }
        return (try row.text(0), try row.timestamp(1))
    }

    /// How often, and over what time, exactly this object was seen without a row; nil when it never was.
    static func sightings(
        of key: String,
        etag: String,
        size: Int64,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> (count: Int, span: Duration)? {
        guard let row = try await tx.query(sightings, key, etag, size).first else { return nil }
        return (try row.int(0), .milliseconds(try row.int64(1)))
    }

    /// What the rows say of a key; the upload's row does not change until `tx` ends.
    static func standing(
        of key: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> (standing: RowStanding, uploadID: UUID?, fileID: UUID?) {
        if let row = try await tx.query(standing, key).first {
            let standing = RowStanding(
                UploadState(rawValue: try row.text(0)),
                try row.optionalText(1).flatMap(FileState.init)
            )
            return (standing, try row.uuid(2), try row.uuid(3))
        }
        // A file without its upload, which no row should be: then it is live.
        return try await tx.query(fileOfKey, key).isEmpty ? (.none, nil, nil) : (.live, nil, nil)
    }

    /// What is known of a file's bytes; nil when nothing is.
    static func digest(of key: String, on pool: PostgresPool) async throws(DatabaseError) -> Digest256? {
        try await pool.query(digest, key).first?.optionalBytes(0).flatMap(Digest256.init(bytes:))
    }

    /// Whether an upload has the file's id, whatever became of it.
    static func isReserved(_ file: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> Bool {
        try await !tx.query(isReserved, file).isEmpty
    }

    /// A version of the present epoch above `version`, and the instant.
    static func version(
        above version: Int64,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> (Int64, at: Timestamp) {
        let row = try await tx.query(versionAbove, version).only()
        return (try row.int64(0), try row.timestamp(1))
    }

    static func isOpenMultipart(
        _ id: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await !tx.query(isOpenMultipart, id).isEmpty
    }
}
