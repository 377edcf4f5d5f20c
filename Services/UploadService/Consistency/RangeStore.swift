import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// What the rows of a range are, in short.
struct RangeDigest: Codable, Equatable, Sendable {
    let count: Int64
    /// Two hashes of 64 bits over everything of a row that a check compares; their order does not matter.
    let digest: String
}

/// A range that was compared and found in order.
struct ComparedRange: Sendable {
    let lower: KeyText?
    let upper: KeyText?
    let rows: RangeDigest
    let comparedAt: Timestamp
    /// Compared so lately that it may be passed over while its rows are the same.
    let isRecent: Bool
}

/// Every statement that touches `consistency_ranges`.
enum RangeStore {
    private static let digest: Statement = """
        SELECT count(*),
               coalesce(bit_xor(hashtextextended(facts, 1)), 0)::text || '/' ||
               coalesce(bit_xor(hashtextextended(facts, 2)), 0)::text
          FROM (SELECT concat_ws('|', u.object_key, u.state, f.state, f.version, f.size, f.etag,
                                 encode(coalesce(f.sha256, f.verified_sha256), 'hex')) AS facts
                  FROM uploads u LEFT JOIN files f ON f.upload_id = u.id
                 WHERE ($1::text IS NULL OR u.object_key > $1 COLLATE "C")
                   AND ($2::text IS NULL OR u.object_key <= $2 COLLATE "C")) AS rows
        """
    private static let known: Statement = """
        SELECT nullif(lower_bound, ''), upper_bound, row_count, digest, compared_at,
               compared_at > clock_timestamp() - make_interval(secs => $1::bigint / 1000.0)
          FROM consistency_ranges ORDER BY lower_bound
        """
    private static let forgetAll: Statement = "DELETE FROM consistency_ranges"
    private static let forget: Statement = "DELETE FROM consistency_ranges WHERE lower_bound = $1"
    /// Nothing was found in it by this check.
    private static let keep: Statement = """
        INSERT INTO consistency_ranges (lower_bound, upper_bound, row_count, digest, compared_at, check_id)
        SELECT $1::text, $2::text, $3, $4, started_at, id FROM consistency_checks
         WHERE id = $5 AND NOT EXISTS (
               SELECT FROM consistency_findings f
                WHERE f.check_id = $5 AND f.object_key > $1 COLLATE "C"
                  AND ($2::text IS NULL OR f.object_key <= $2 COLLATE "C"))
        """

    /// Of the rows of one range as they are now.
    static func digest(
        after: KeyText?,
        upTo: KeyText?,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> RangeDigest? {
        guard let row = try await pool.query(digest, after?.text, upTo?.text).first else { return nil }
        return RangeDigest(count: try row.int64(0), digest: try row.text(1))
    }

    static func known(
        within window: Duration,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [ComparedRange] {
        try await pool.query(known, window.wholeMilliseconds).map { row throws(DatabaseError) in
            ComparedRange(
                lower: try row.optionalText(0).map(KeyText.init),
                upper: try row.optionalText(1).map(KeyText.init),
                rows: RangeDigest(count: try row.int64(2), digest: try row.text(3)),
                comparedAt: try row.timestamp(4),
                isRecent: try row.bool(5)
            )
        }
    }

    /// Remembers which ranges a check found in order, and forgets those it did not.
    static func note(
        _ progress: CheckProgress,
        of check: StoredCheck,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        if check.request.mode == .full { try await tx.execute(forgetAll) }
        for (name, part) in progress.parts where name.hasPrefix(CheckProgress.ranges) && part.skipped == nil {
            try await tx.execute(forget, part.lower ?? "")
            let inFlight = part.counts[CountName.inFlight.rawValue] ?? 0
            guard part.isDone, part.losses.isEmpty, inFlight == 0, let rows = part.rows else { continue }
            try await tx.execute(keep, part.lower ?? "", part.upper, rows.count, rows.digest, check.id)
        }
    }
}
