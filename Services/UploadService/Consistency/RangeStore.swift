import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// What the rows of a range are, in short.
struct RangeDigest: Codable, Equatable, Sendable {
    private(set) var count: Int64
    /// The hashes of the rows, one over the other; their order does not matter.
    private(set) var digest: String

    init(count: Int64, digest: String) {
        self.count = count
        self.digest = digest
    }

    static let empty = RangeDigest(count: 0, digest: "0")

    /// - Parameter digest: of so many rows more, one over the other.
    mutating func add(_ count: Int, _ digest: Int64) {
        self.count += Int64(count)
        self.digest = "\((Int64(self.digest) ?? 0) ^ digest)"
    }
}

/// A range as it was when it was compared last.
struct ComparedRange: Sendable {
    let lower: KeyText?
    let upper: KeyText?
    let rows: RangeDigest
    let comparedAt: Timestamp
    /// Compared so lately that it may be passed over while its rows are the same.
    let isRecent: Bool

    /// Without a digest it was not.
    var isInOrder: Bool { !rows.digest.isEmpty }
}

/// Every statement that touches `consistency_ranges`.
enum RangeStore {
    // Of every row what `RowFacts.digest` is.
    private static let digest: Statement = """
        SELECT count(*), coalesce(bit_xor(row_digest(u.object_key, u.state, f.state, f.version, f.size, f.etag,
                                                     coalesce(f.sha256, f.verified_sha256))), 0)::text
          FROM uploads u LEFT JOIN files f ON f.object_key = u.object_key AND f.upload_id = u.id
           AND f.object_key > $1 COLLATE "C" AND f.object_key <= $2 COLLATE "C"
         WHERE u.object_key > $1 COLLATE "C" AND u.object_key <= $2 COLLATE "C"
        """
    private static let digestToTheEnd: Statement = """
        SELECT count(*), coalesce(bit_xor(row_digest(u.object_key, u.state, f.state, f.version, f.size, f.etag,
                                                     coalesce(f.sha256, f.verified_sha256))), 0)::text
          FROM uploads u LEFT JOIN files f ON f.object_key = u.object_key AND f.upload_id = u.id
           AND f.object_key > $1 COLLATE "C"
         WHERE u.object_key > $1 COLLATE "C"
        """
    private static let known: Statement = """
        SELECT nullif(lower_bound, ''), upper_bound, row_count, digest, compared_at,
               compared_at > clock_timestamp() - make_interval(secs => $1::bigint / 1000.0)
          FROM consistency_ranges ORDER BY lower_bound
        """
    private static let forgetAll: Statement = "DELETE FROM consistency_ranges"
    private static let forget: Statement = "DELETE FROM consistency_ranges WHERE lower_bound = $1"
    // Without a digest, which no range has, when something was found in it: it is compared by every check. One statement for each form
    // of the bounds, so that an index serves them.
    private static let keep: Statement = """
        INSERT INTO consistency_ranges (lower_bound, upper_bound, row_count, digest, compared_at, check_id)
        SELECT $1::text, $5::text, $2, CASE WHEN EXISTS (
                   SELECT FROM consistency_findings f WHERE f.check_id = $4 AND f.object_key IS NOT NULL
                      AND f.object_key > $1 COLLATE "C" AND f.object_key <= $5 COLLATE "C") THEN '' ELSE $3 END,
               started_at, id
          FROM consistency_checks WHERE id = $4
        """
    private static let keepToTheEnd: Statement = """
        INSERT INTO consistency_ranges (lower_bound, row_count, digest, compared_at, check_id)
        SELECT $1::text, $2, CASE WHEN EXISTS (
                   SELECT FROM consistency_findings f WHERE f.check_id = $4 AND f.object_key IS NOT NULL
                      AND f.object_key > $1 COLLATE "C") THEN '' ELSE $3 END,
               started_at, id
          FROM consistency_checks WHERE id = $4
        """

    /// Of the rows of one range as they are now.
    static func digest(
        after: KeyText?,
        upTo: KeyText?,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> RangeDigest? {
        let after = after?.text ?? ""
        let rows =
            if let upTo { try await pool.query(digest, after, upTo.text) } else {
                try await pool.query(digestToTheEnd, after)
            }
        guard let row = rows.first else { return nil }
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

    /// Remembers what the rows of the ranges were that a check found in order, and of all others only their bounds.
    static func note(
        _ progress: CheckProgress,
        of check: StoredCheck,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        let ranges = progress.parts.filter { $0.key.hasPrefix(CheckProgress.ranges) }.values
        // Ranges of before, with other bounds, among them.
        if ranges.allSatisfy({ $0.skipped == nil }) { try await tx.execute(forgetAll) }
        for part in ranges where part.skipped == nil {
            let lower = part.lower ?? ""
            try await tx.execute(forget, lower)
            let inFlight = part.counts[CountName.inFlight.rawValue] ?? 0
            let isInOrder = part.isDone && part.losses.isEmpty && inFlight == 0
            let (count, digest) = (part.rows?.count ?? 0, isInOrder ? part.rows?.digest ?? "" : "")
            if let upper = part.upper {
                try await tx.execute(keep, lower, count, digest, check.id, upper)
            } else {
                try await tx.execute(keepToTheEnd, lower, count, digest, check.id)
            }
        }
    }
}
