import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Rows whose events are appended once more, locked so that no newer version comes between.
extension FileStore {
    private static let lockUnpublished: Statement = """
        SELECT f.id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               f.version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
          FROM files f JOIN unnest($1::uuid[], $2::bigint[]) AS gap (id, version)
            ON gap.id = f.id AND gap.version = f.version
         WHERE f.published_version < f.version ORDER BY f.id FOR NO KEY UPDATE OF f
        """
    // Pages of the files that may be meant, one statement for each way to walk: each follows one index, and reads no more rows than
    // it gives. Whether a row is meant is told beside its id.
    static let walkAll: Statement = """
        SELECT id, updated_at >= coalesce($3::timestamptz, '-infinity') AND updated_at < coalesce($4::timestamptz, 'infinity')
          FROM files WHERE id > $1 ORDER BY id LIMIT $2
        """
    static let walkTenant: Statement = """
        SELECT id, updated_at >= coalesce($3::timestamptz, '-infinity') AND updated_at < coalesce($4::timestamptz, 'infinity')
          FROM files WHERE tenant = $5 AND id > $1 ORDER BY tenant, id LIMIT $2
        """
    static let walkNamed: Statement = """
        SELECT id, updated_at >= coalesce($3::timestamptz, '-infinity') AND updated_at < coalesce($4::timestamptz, 'infinity')
               AND ($6::text IS NULL OR tenant = $6)
          FROM files WHERE id = ANY ($5) AND id > $1 ORDER BY id LIMIT $2
        """
    private static let locked: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
          FROM files WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
        """
    /// Before every other.
    private static let noID = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

    /// Above what the row says, and above what others say that they have heard.
    private static let retell: Statement = """
        UPDATE files
           SET version = greatest(next_version(version), next_version($3)),
               index_state = CASE state WHEN 'AVAILABLE' THEN 'PENDING' ELSE index_state END,
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND version = $2
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """

    /// Gives a file that stays as it is a new version, so that it can be told to those who do not take the present one any
    /// more; nil when it has moved on.
    ///
    /// - Parameter heard: a version the new one must be above; 0 when nothing was heard.
    static func retell(
        _ file: File,
        above heard: Int64,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        try await tx.query(retell, file.id, file.version, heard).first.map(Self.file)
    }

    /// Those of the gaps that are still open.
    static func lock(
        unpublished gaps: [PublicationGap],
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [File] {
        try await tx.query(lockUnpublished, gaps.map(\.fileID), gaps.map(\.version)).map(file)
    }

    /// Files of all owners in the order of their ids, and whether each is selected.
    ///
    /// - Parameter limit: looked at, selected or not.
    static func walk(
        _ selection: RepublishSelection,
        after id: UUID?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [(id: UUID, isSelected: Bool)] {
        let (after, since, until) = (id ?? noID, selection.since, selection.until)
        let rows =
            if let ids = selection.fileIDs {
                try await pool.query(walkNamed, after, limit, since, until, ids, selection.tenant)
            } else if let tenant = selection.tenant {
                try await pool.query(walkTenant, after, limit, since, until, tenant)
            } else {
                try await pool.query(walkAll, after, limit, since, until)
            }
        return try rows.map { row throws(DatabaseError) in (try row.uuid(0), try row.bool(1)) }
    }

    /// In the order of their ids, locked until `tx` ends.
    static func lock(_ ids: [UUID], in tx: borrowing Transaction) async throws(DatabaseError) -> [File] {
        try await tx.query(locked, ids).map(file)
    }
}
