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
    private static let selected: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
          FROM files
         WHERE ($1::uuid IS NULL OR id > $1)
           AND ($2::uuid[] IS NULL OR id = ANY ($2)) AND ($3::text IS NULL OR tenant = $3)
           AND ($4::timestamptz IS NULL OR updated_at >= $4) AND ($5::timestamptz IS NULL OR updated_at < $5)
         ORDER BY id LIMIT $6 FOR NO KEY UPDATE
        """

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

    /// Files of all owners in the order of their ids, locked until `tx` ends.
    static func page(
        of selection: RepublishSelection,
        after id: UUID?,
        limit: Int,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [File] {
        try await tx.query(
            selected,
            id,
            selection.fileIDs,
            selection.tenant,
            selection.since,
            selection.until,
            limit
        ).map(file)
    }
}
