import Digests
import PostgresClient

/// What the rows between two keys are, in short.
struct RowsSummary: Sendable {
    let count: Int
    /// The greatest of their keys.
    let last: KeyText?
    /// The rows' own digests (`RowFacts.digest`), one over the other.
    let digest: Int64
    /// Files known not to be what was stored.
    let quarantinedCount: Int
    /// Uploads that are completed without a file: wrong, whatever the bucket has.
    let filelessCount: Int
    /// The objects that must be there, and no others.
    let objects: PageDigest

    /// Whether the rows and these objects, all that there are between the two keys, leave nothing to ask.
    func agree(with objects: ArraySlice<ObjectListing.Object>) -> Bool {
        filelessCount == 0 && self.objects.count == objects.count && self.objects == PageDigest(of: objects)
    }
}

/// Every statement by which a check asks for rows in short. Reads only.
enum SummaryStore {
    // One statement for each form of the bounds, as in `ComparisonStore`. The lines are those of `PageDigest`; would the rows come in
    // another order, the digest would be another, and they would be compared one by one.
    private static let summary: Statement = """
        SELECT count(*), max(object_key), coalesce(bit_xor(digest), 0), count(*) FILTER (WHERE file_state = 'QUARANTINED'),
               count(*) FILTER (WHERE file_state IS NULL AND upload_state = 'COMPLETED'),
               count(*) FILTER (WHERE file_state IN ('AVAILABLE', 'DELETED')),
               sha256(convert_to(coalesce(string_agg(object_key || E'\\n' || size || E'\\n' || etag || E'\\n', '')
                   FILTER (WHERE file_state IN ('AVAILABLE', 'DELETED')), ''), 'UTF8'))
          FROM (SELECT u.object_key, u.state AS upload_state, f.state AS file_state, f.size, f.etag,
                       row_digest(u.object_key, u.state, f.state, f.version, f.size, f.etag,
                                  coalesce(f.sha256, f.verified_sha256)) AS digest
                  FROM uploads u LEFT JOIN files f ON f.object_key = u.object_key AND f.upload_id = u.id
                   AND f.object_key > $1 COLLATE "C" AND f.object_key <= $2 COLLATE "C"
                 WHERE u.object_key > $1 COLLATE "C" AND u.object_key <= $2 COLLATE "C"
                 ORDER BY u.object_key LIMIT $3) AS page
        """
    private static let summaryToTheEnd: Statement = """
        SELECT count(*), max(object_key), coalesce(bit_xor(digest), 0), count(*) FILTER (WHERE file_state = 'QUARANTINED'),
               count(*) FILTER (WHERE file_state IS NULL AND upload_state = 'COMPLETED'),
               count(*) FILTER (WHERE file_state IN ('AVAILABLE', 'DELETED')),
               sha256(convert_to(coalesce(string_agg(object_key || E'\\n' || size || E'\\n' || etag || E'\\n', '')
                   FILTER (WHERE file_state IN ('AVAILABLE', 'DELETED')), ''), 'UTF8'))
          FROM (SELECT u.object_key, u.state AS upload_state, f.state AS file_state, f.size, f.etag,
                       row_digest(u.object_key, u.state, f.state, f.version, f.size, f.etag,
                                  coalesce(f.sha256, f.verified_sha256)) AS digest
                  FROM uploads u LEFT JOIN files f ON f.object_key = u.object_key AND f.upload_id = u.id
                   AND f.object_key > $1 COLLATE "C"
                 WHERE u.object_key > $1 COLLATE "C"
                 ORDER BY u.object_key LIMIT $2) AS page
        """

    /// Of the first rows between two keys, at most `limit`.
    ///
    /// - Parameters:
    ///   - after: excluded.
    ///   - upTo: included; nil for all behind `after`.
    static func summary(
        after: KeyText?,
        upTo: KeyText?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> RowsSummary {
        // No key is empty.
        let after = after?.bound.text ?? ""
        let rows =
            if let upTo { try await pool.query(summary, after, upTo.bound.text, limit) } else {
                try await pool.query(summaryToTheEnd, after, limit)
            }
        let row = try rows.only()
        guard let sha256 = Digest256(bytes: try row.bytes(6)) else {
            throw .unexpectedResult("a SHA-256 of another length")
        }
        return RowsSummary(
            count: try row.int(0),
            last: try row.optionalText(1).map(KeyText.init),
            digest: try row.int64(2),
            quarantinedCount: try row.int(3),
            filelessCount: try row.int(4),
            objects: PageDigest(count: try row.int(5), sha256: sha256)
        )
    }
}
