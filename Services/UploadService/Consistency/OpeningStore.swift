import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// A multipart upload that the store was asked to open.
struct Opening: Sendable {
    let id: Int64
    let objectKey: String
    /// Nil when the answer that told it got lost, or has not come yet.
    let multipartID: String?
    let openedAt: Timestamp
}

/// Every statement by which a check goes through the ledger of openings.
enum OpeningStore {
    /// Completed, so the store has no parts of it any more.
    private static let settleCompleted: Statement = """
        UPDATE multipart_openings SET settled_at = clock_timestamp()
         WHERE id = ANY (ARRAY(
               SELECT o.id FROM multipart_openings o JOIN uploads u ON u.id = o.upload_id
                WHERE o.settled_at IS NULL AND o.id > $1 AND u.state = 'COMPLETED' AND u.s3_upload_id = o.multipart_id
                ORDER BY o.id LIMIT $2))
        RETURNING id
        """
    private static let page: Statement = """
        SELECT id, object_key, multipart_id, opened_at FROM multipart_openings
         WHERE settled_at IS NULL AND id > $1 ORDER BY id LIMIT $2
        """
    private static let settle: Statement = """
        UPDATE multipart_openings SET settled_at = clock_timestamp() WHERE id = ANY ($1) AND settled_at IS NULL
        """

    /// Takes those off the ledger that became their upload's object.
    ///
    /// - Parameter id: only openings after this one.
    /// - Returns: the last of them; nil when there are no more.
    static func settleCompleted(
        after id: Int64,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int64? {
        var last: Int64?
        for row in try await pool.query(settleCompleted, id, limit) {
            last = max(last ?? 0, try row.int64(0))
        }
        return last
    }

    /// Of those nothing is known of yet, in the order in which they were opened.
    static func page(
        after id: Int64,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [Opening] {
        try await pool.query(page, id, limit).map { row throws(DatabaseError) in
            Opening(
                id: try row.int64(0),
                objectKey: try row.text(1),
                multipartID: try row.optionalText(2),
                openedAt: try row.timestamp(3)
            )
        }
    }

    /// The store has said that it does not have them any more: they are not asked for again.
    static func settle(_ ids: [Int64], on pool: PostgresPool) async throws(DatabaseError) {
        guard !ids.isEmpty else { return }
        _ = try await pool.execute(settle, ids)
    }
}
