import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `consistency_findings` and `orphan_sightings`.
enum FindingStore {
    /// Found again after a crash, it is there already.
    private static let insert: Statement = """
        INSERT INTO consistency_findings (check_id, kind, subject, tenant, file_id, upload_id, object_key, multipart_id,
                                          row_version, row_state, size, etag, detail, found_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, clock_timestamp())
        ON CONFLICT (check_id, kind, subject) DO NOTHING
        """
    private static let counts: Statement = """
        SELECT kind, count(*) FROM consistency_findings WHERE check_id = $1 GROUP BY kind
        """
    private static let subjects: Statement = """
        SELECT subject FROM consistency_findings WHERE check_id = $1 AND kind = $2 ORDER BY id LIMIT $3
        """
    private static let page: Statement = """
        SELECT id, kind, subject, detail, tenant, file_id, upload_id, object_key, multipart_id, row_version, row_state,
               size, etag, found_at
          FROM consistency_findings
         WHERE check_id = $1 AND id > $2 AND ($3::text IS NULL OR kind = $3) ORDER BY id LIMIT $4
        """
    /// An object with another ETag is another object: its time begins anew, as it does in a new epoch: that of the check, whose
    /// listing it was seen in. What the check has noted before a crash it does not note again.
    private static let sight: Statement = """
        WITH found AS (
            SELECT id, kind, object_key, etag, size FROM consistency_findings
             WHERE check_id = $1 AND id > $2 ORDER BY id LIMIT $3
        ), seen AS (
        INSERT INTO orphan_sightings AS s (object_key, etag, size, first_seen_at, last_seen_at, sightings, check_id, epoch)
        SELECT object_key, coalesce(etag, ''), coalesce(size, 0), clock_timestamp(), clock_timestamp(), 1, $1,
               (SELECT epoch FROM consistency_checks WHERE id = $1)
          FROM found WHERE kind = 'orphan_object' AND object_key IS NOT NULL
        ON CONFLICT (object_key) DO UPDATE SET
               first_seen_at = CASE WHEN (s.etag, s.size, s.epoch) = (EXCLUDED.etag, EXCLUDED.size, EXCLUDED.epoch)
                                    THEN s.first_seen_at ELSE EXCLUDED.first_seen_at END,
               sightings = CASE WHEN (s.etag, s.size, s.epoch) = (EXCLUDED.etag, EXCLUDED.size, EXCLUDED.epoch)
                                THEN s.sightings + 1 ELSE 1 END,
               last_seen_at = EXCLUDED.last_seen_at, etag = EXCLUDED.etag, size = EXCLUDED.size,
               check_id = EXCLUDED.check_id, epoch = EXCLUDED.epoch
         WHERE s.check_id IS DISTINCT FROM EXCLUDED.check_id
        )
        SELECT max(id) FROM found
        """
    private static let forget: Statement = """
        DELETE FROM orphan_sightings WHERE object_key = ANY (ARRAY(
               SELECT object_key FROM orphan_sightings WHERE check_id IS DISTINCT FROM $1 LIMIT $2))
        """

    static func insert(
        _ findings: [Finding],
        of check: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        guard !findings.isEmpty else { return }
        _ = try await tx.pipeline(
            findings.map { finding in
                BoundStatement(
                    insert,
                    check,
                    finding.kind.rawValue,
                    finding.subject,
                    finding.tenant,
                    finding.fileID,
                    finding.uploadID,
                    finding.objectKey,
                    finding.multipartID,
                    finding.rowVersion,
                    finding.rowState,
                    finding.size,
                    finding.etag,
                    finding.detail
                )
            }
        )
    }

    static func counts(
        of check: UUID,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [FindingKind: Int64] {
        var counts: [FindingKind: Int64] = [:]
        for row in try await pool.query(Self.counts, check) {
            guard let kind = FindingKind(rawValue: try row.text(0)) else {
                throw .unexpectedResult("a finding of an unknown kind")
            }
            counts[kind] = try row.int64(1)
        }
        return counts
    }

    /// The first so many subjects of one kind.
    static func subjects(
        of kind: FindingKind,
        in check: UUID,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [String] {
        try await pool.query(subjects, check, kind.rawValue, limit).map { row throws(DatabaseError) in
            try row.text(0)
        }
    }

    /// - Parameter after: the id of the last finding of the page before; 0 for the first.
    static func page(
        of check: UUID,
        kind: FindingKind?,
        after: Int64,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [StoredFinding] {
        try await pool.query(page, check, after, kind?.rawValue, limit).map(StoredFinding.init)
    }

    /// Notes which objects without a row were seen, among so many findings after `id`.
    ///
    /// - Returns: the last of these findings; nil when there are no more.
    static func noteSightings(
        of check: UUID,
        after id: Int64,
        limit: Int,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Int64? {
        try await tx.query(sight, check, id, limit).first?.optionalInt64(0)
    }

    /// Forgets objects that `check` has not noted.
    ///
    /// - Returns: how many; fewer than `limit` when no more are left.
    static func forgetSightings(
        besides check: UUID,
        limit: Int,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Int {
        try await tx.execute(forget, check, limit)
    }
}

/// A finding as its row says.
struct StoredFinding: Sendable {
    let id: Int64
    let finding: Finding
    let foundAt: Timestamp

    fileprivate init(_ row: Row) throws(DatabaseError) {
        guard let kind = FindingKind(rawValue: try row.text(1)) else {
            throw .unexpectedResult("a finding of an unknown kind")
        }
        var finding = Finding(kind: kind, subject: try row.text(2), detail: try row.text(3))
        finding.tenant = try row.optionalText(4)
        finding.fileID = try row.optionalUUID(5)
        finding.uploadID = try row.optionalUUID(6)
        finding.objectKey = try row.optionalText(7)
        finding.multipartID = try row.optionalText(8)
        finding.rowVersion = try row.optionalInt64(9)
        finding.rowState = try row.optionalText(10)
        finding.size = try row.optionalInt64(11)
        finding.etag = try row.optionalText(12)
        id = try row.int64(0)
        foundAt = try row.timestamp(13)
        self.finding = finding
    }
}
