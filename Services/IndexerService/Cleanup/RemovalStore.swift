import Determinism
import PostgresClient

/// Every statement that touches `removals`.
enum RemovalStore {
    /// What was reported stays as it was reported: a repeated report is the same event, byte for byte.
    private static let recordAbsent: Statement = """
        INSERT INTO removals (object_key, file_id, upload_id, versions_removed, first_absent_at)
        VALUES ($1, $2, $3, $4, clock_timestamp())
        ON CONFLICT (object_key) DO UPDATE SET
               versions_removed = removals.versions_removed
                   + CASE WHEN removals.reported_at IS NULL THEN EXCLUDED.versions_removed ELSE 0 END,
               first_absent_at = CASE WHEN $5::boolean THEN EXCLUDED.first_absent_at
                   ELSE coalesce(removals.first_absent_at, EXCLUDED.first_absent_at) END
        """
    private static let absence: Statement = """
        SELECT (extract(epoch FROM clock_timestamp() - first_absent_at) * 1000)::bigint
          FROM removals WHERE object_key = $1 AND first_absent_at IS NOT NULL
        """
    private static let report: Statement = """
        UPDATE removals SET reported_at = coalesce(reported_at, clock_timestamp())
         WHERE object_key = $1
        RETURNING versions_removed, reported_at
        """
    private static let recordStalled: Statement = """
        INSERT INTO removals (object_key, file_id, upload_id, stalled_at) VALUES ($1, $2, $3, clock_timestamp())
        ON CONFLICT (object_key) DO UPDATE SET stalled_at = EXCLUDED.stalled_at WHERE removals.stalled_at IS NULL
        RETURNING stalled_at
        """

    /// Remembers that nothing is left. When something had to be removed, the waiting starts over.
    static func recordAbsent(
        _ order: RemovalSaga.Order,
        _ found: RemovedObjects,
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        _ = try await pool.execute(
            recordAbsent,
            order.objectKey,
            order.fileID,
            order.uploadID,
            found.versionCount,
            !found.isNothing
        )
    }

    /// - Returns: when the removal stalled; nil when that was recorded before, so that it is told once.
    static func recordStalled(
        _ order: RemovalSaga.Order,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Timestamp? {
        try await tx.query(recordStalled, order.objectKey, order.fileID, order.uploadID).first?.timestamp(0)
    }

    /// How long nothing has been there; nil when that was never seen.
    static func absence(of objectKey: String, on pool: PostgresPool) async throws(DatabaseError) -> Duration?
    {
        guard let row = try await pool.query(absence, objectKey).first else { return nil }
        return .milliseconds(try row.int64(0))
    }

    static func report(
        _ objectKey: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> (versionCount: Int64, at: Timestamp) {
        guard let row = try await tx.query(report, objectKey).first else {
            throw .unexpectedResult("a removal that was never recorded cannot be reported")
        }
        return (try row.int64(0), try row.timestamp(1))
    }
}
