import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that looks for rows nobody moves on.
enum StuckStore {
    /// Open and doomed uploads each by their own index: asked for together, none serves.
    ///
    /// Measured from when the row should have moved on. What was discarded is looked at again after the longest time a late
    /// write can take, and is proven gone only then. A saga whose lease has not run out is being worked on.
    static let page: Statement = """
        SELECT * FROM (
            SELECT u.id, u.file_id, u.tenant, u.object_key, u.state, NULL::bigint AS version,
                   CASE u.state WHEN 'COMPLETING' THEN u.updated_at ELSE u.expires_at END AS since
              FROM uploads u WHERE u.state IN ('PENDING', 'ACTIVE', 'COMPLETING')
            UNION ALL
            SELECT u.id, u.file_id, u.tenant, u.object_key, u.state, NULL, u.updated_at
              FROM uploads u WHERE u.state IN ('FAILED', 'ABORTED', 'EXPIRED')
            UNION ALL
            SELECT f.upload_id, f.id, f.tenant, f.object_key, f.state, f.version,
                   CASE f.state WHEN 'DELETED' THEN f.delete_after ELSE f.updated_at END
              FROM files f
             WHERE f.state = 'PURGING' OR f.state = 'DELETED' AND NOT f.legal_hold
        ) AS pending
         WHERE since < clock_timestamp() - make_interval(secs => $2::bigint / 1000.0)
                     - CASE WHEN state IN ('FAILED', 'ABORTED', 'EXPIRED')
                            THEN make_interval(secs => $4::bigint / 1000.0) ELSE interval '0' END
           AND ($1::uuid IS NULL OR id > $1)
           AND NOT EXISTS (SELECT FROM sagas s
                            WHERE s.subject IN (pending.id, pending.file_id)
                              AND s.owner <> '' AND s.lease_until > clock_timestamp())
         ORDER BY id LIMIT $3
        """

    /// - Parameters:
    ///   - patience: for so long a row may stay beyond its time.
    ///   - late: for so long after an upload was discarded its bytes may still come.
    static func page(
        after: UUID?,
        patience: Duration,
        late: Duration,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [StuckRow] {
        try await pool.query(page, after, patience.wholeMilliseconds, limit, late.wholeMilliseconds)
            .map(StuckRow.init)
    }
}

/// A row that has stayed in a state which ought to pass.
struct StuckRow: Equatable, Sendable {
    let uploadID: UUID
    let fileID: UUID
    let tenant: String
    let objectKey: String
    let state: String
    /// Nil of an upload that is no file.
    let version: Int64?
    let since: String

    fileprivate init(_ row: Row) throws(DatabaseError) {
        uploadID = try row.uuid(0)
        fileID = try row.uuid(1)
        tenant = try row.text(2)
        objectKey = try row.text(3)
        state = try row.text(4)
        version = try row.optionalInt64(5)
        since = try row.text(6)
    }

    var finding: Finding {
        Finding(
            kind: .stuckState,
            subject: version == nil ? uploadID.text : fileID.text,
            detail: "\(state) since \(since)",
            tenant: tenant,
            fileID: fileID,
            uploadID: uploadID,
            objectKey: objectKey,
            rowVersion: version,
            rowState: state
        )
    }
}
