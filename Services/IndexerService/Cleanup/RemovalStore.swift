import Determinism
import PostgresClient

/// Every statement that touches `removals`.
enum RemovalStore {
    private static let recordAbsent: Statement = """
        INSERT INTO removals (object_key, file_id, upload_id, versions_removed, first_absent_at)
        VALUES ($1, $2, $3, $4, clock_timestamp())
        ON CONFLICT (object_key) DO UPDATE SET
               versions_removed = removals.versions_removed + EXCLUDED.versions_removed,
               first_absent_at = CASE WHEN EXCLUDED.versions_removed = 0 THEN
                   coalesce(removals.first_absent_at, EXCLUDED.first_absent_at)
                   ELSE EXCLUDED.first_absent_at END
        """
    private static let absence: Statement = """
        SELECT (extract(epoch FROM clock_timestamp() - first_absent_at) * 1000)::bigint
          FROM removals WHERE object_key = $1 AND first_absent_at IS NOT NULL
        """
    /// Keeps the first report's instant, so that a repeated report is the same event.
    private static let report: Statement = """
        UPDATE removals SET reported_at = coalesce(reported_at, clock_timestamp())
         WHERE object_key = $1
        RETURNING versions_removed, reported_at
        """

    /// Remembers that nothing is left. When something had to be removed, the waiting starts over.
    static func recordAbsent(
        _ order: RemovalSaga.Order,
        versionCount: Int64,
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        _ = try await pool.execute(
            recordAbsent,
            order.objectKey,
            order.fileID,
            order.uploadID,
            versionCount
        )
    }

    /// How long nothing has been there; nil when that was never seen.
    static func absence(of objectKey: String, on pool: PostgresPool) async throws(DatabaseError) -> Duration? {
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
