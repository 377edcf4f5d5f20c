import Determinism
import Digests
import PostgresClient

import struct FoundationEssentials.UUID

/// The statements by which a session is completed, or is found to have lost its parts.
extension UploadStore {
    private static let claimCompletion: Statement = """
        UPDATE uploads SET state = 'COMPLETING', declared_sha256 = coalesce($2, declared_sha256),
                           updated_at = clock_timestamp()
         WHERE id = $1 AND state = 'ACTIVE' AND s3_upload_id = $3
        """
    private static let recordAttempt: Statement = """
        UPDATE uploads
           SET attempts = attempts[greatest(1, cardinality(attempts) - 18):] || $3::text,
               refusal_count = refusal_count + $5::integer,
               refused_since = CASE WHEN $5::integer > 0 THEN coalesce(refused_since, clock_timestamp())
                                    ELSE refused_since END
         WHERE id = $1 AND state = 'COMPLETING'
        RETURNING refusal_count >= $2
            AND refused_since <= clock_timestamp() - make_interval(secs => $4::bigint / 1000.0)
        """
    private static let noteLoss: Statement = """
        UPDATE uploads SET lost_since = coalesce(lost_since, clock_timestamp())
         WHERE id = $1 AND s3_upload_id = $2 AND state IN ('PENDING', 'ACTIVE')
        RETURNING lost_since <= clock_timestamp() - make_interval(secs => $3::bigint / 1000.0)
        """

    /// The store says that it does not know the multipart upload. One answer is not believed: acknowledged parts hang on it.
    ///
    /// - Returns: whether it has said so for `patience`; nil when the session is over, or has another one.
    static func noteLoss(
        of multipartID: String,
        of id: UUID,
        patience: Duration,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool? {
        try await tx.query(noteLoss, id, multipartID, patience.wholeMilliseconds).first?.bool(0)
    }

    /// - Parameter multipartID: whose parts were listed.
    /// - Returns: false unless the session is active and has that multipart upload.
    static func claimCompletion(
        of id: UUID,
        sha256: Digest256?,
        multipartID: String?,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(claimCompletion, id, sha256?.bytes, multipartID) == 1
    }

    /// Adds to what went wrong, of which the last lines are kept.
    ///
    /// - Parameter isAnswer: the store was asked, and had made nothing.
    /// - Returns: whether it is time to give up: after `limit` such answers, and `patience` after the first of them.
    static func recordAttempt(
        _ line: String,
        isAnswer: Bool,
        of id: UUID,
        limit: Int,
        patience: Duration,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        let row = try await pool.query(
            recordAttempt,
            id,
            limit,
            line,
            patience.wholeMilliseconds,
            isAnswer ? 1 : 0
        ).first
        return try row?.optionalBool(0) ?? false
    }
}
