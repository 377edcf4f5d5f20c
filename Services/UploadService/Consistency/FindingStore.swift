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
    /// An object with another ETag is another object: its time begins anew, as it does in a new epoch.
    private static let sight: Statement = """
        INSERT INTO orphan_sightings AS s (object_key, etag, size, first_seen_at, last_seen_at, sightings, epoch)
        SELECT object_key, coalesce(etag, ''), coalesce(size, 0), clock_timestamp(), clock_timestamp(), 1,
               (SELECT epoch FROM incarnation)
          FROM consistency_findings WHERE check_id = $1 AND kind = 'orphan_object'
        ON CONFLICT (object_key) DO UPDATE SET
               first_seen_at = CASE WHEN (s.etag, s.size, s.epoch) = (EXCLUDED.etag, EXCLUDED.size, EXCLUDED.epoch)
                                    THEN s.first_seen_at ELSE EXCLUDED.first_seen_at END,
               sightings = CASE WHEN (s.etag, s.size, s.epoch) = (EXCLUDED.etag, EXCLUDED.size, EXCLUDED.epoch)
                                THEN s.sightings + 1 ELSE 1 END,
               last_seen_at = EXCLUDED.last_seen_at, etag = EXCLUDED.etag, size = EXCLUDED.size, epoch = EXCLUDED.epoch
        """
    /// What a check that compared everything did not find is gone: seen again later, it is counted from then.
    private static let forget: Statement = """
        DELETE FROM orphan_sightings WHERE object_key NOT IN
               (SELECT object_key FROM consistency_findings
                 WHERE check_id = $1 AND kind = 'orphan_object' AND object_key IS NOT NULL)
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
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [FindingKind: Int64] {
        try counts(in: try await tx.query(Self.counts, check))
    }

    static func counts(
        of check: UUID,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [FindingKind: Int64] {
        try counts(in: try await pool.query(Self.counts, check))
    }

    private static func counts(in rows: Rows) throws(DatabaseError) -> [FindingKind: Int64] {
        var counts: [FindingKind: Int64] = [:]
        for row in rows {
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
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [String] {
        try await tx.query(subjects, check, kind.rawValue, limit).map { row throws(DatabaseError) in
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

    /// Notes which objects without a row were seen.
    static func noteSightings(
        of check: UUID,
        isComplete: Bool,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(sight, check)
        if isComplete { try await tx.execute(forget, check) }
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
