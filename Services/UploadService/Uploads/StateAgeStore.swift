import PostgresClient

/// How long uploads and files have been where they are not meant to stay.
enum StateAgeStore {
    /// Each part walks a partial index that holds these rows only.
    private static let ages: Statement = """
        SELECT state, greatest(0, extract(epoch FROM clock_timestamp() - min(updated_at)))::bigint, count(*)
          FROM uploads WHERE state IN ('PENDING', 'ACTIVE', 'COMPLETING') GROUP BY state
        UNION ALL
        SELECT state, greatest(0, extract(epoch FROM clock_timestamp() - min(updated_at)))::bigint, count(*)
          FROM uploads WHERE state IN ('FAILED', 'ABORTED', 'EXPIRED') GROUP BY state
        UNION ALL
        SELECT state, greatest(0, extract(epoch FROM clock_timestamp() - min(updated_at)))::bigint, count(*)
          FROM files WHERE state IN ('PURGING', 'QUARANTINED') GROUP BY state
        """

    /// What is in states that something, or somebody, still has to end. DELETED is not among them: there a file may stay.
    static let states = [
        "PENDING", "ACTIVE", "COMPLETING", "FAILED", "ABORTED", "EXPIRED", "PURGING", "QUARANTINED",
    ]

    /// By state: seconds since the last change of the one that has been there longest, and how many there are. States that
    /// nothing is in are told with zeros.
    static func ages(
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [(state: String, ageSeconds: Int64, count: Int64)] {
        var found: [String: (Int64, Int64)] = [:]
        for row in try await pool.query(ages) {
            found[try row.text(0)] = (try row.int64(1), try row.int64(2))
        }
        return states.map { ($0, found[$0]?.0 ?? 0, found[$0]?.1 ?? 0) }
    }
}
