import Determinism
import Leases
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `rounds`, and what the canary looks up of its own files.
enum RoundStore {
    private static let isDue: Statement = """
        SELECT coalesce(finished_at, since) + make_interval(secs => $2::bigint / 1000.0) + jitter <= clock_timestamp()
          FROM rounds WHERE name = $1
        """
    private static let finish: Statement = """
        UPDATE rounds SET finished_at = clock_timestamp(), failure = NULL,
               jitter = make_interval(secs => $2::bigint / 1000.0)
         WHERE name = $1
        """
    private static let fail: Statement = "UPDATE rounds SET failure = $2 WHERE name = $1"
    private static let age: Statement = """
        SELECT (extract(epoch FROM clock_timestamp() - coalesce(finished_at, since)) * 1000)::bigint
          FROM rounds WHERE name = $1
        """
    private static let unfinished: Statement = """
        SELECT id, state FROM files WHERE tenant = $1 AND owner = $2 AND state <> 'PURGED' ORDER BY id LIMIT 100
        """
    private static let standing: Statement = """
        SELECT state, index_state, object_key FROM files WHERE id = $1
        """
    /// A canary leaves a file, and an upload, in each round; nobody ever asks for them again. What reads the topic from its
    /// beginning has seen their end long before.
    private static let prune: Statement = """
        WITH gone AS (
            DELETE FROM files WHERE id IN (
                SELECT id FROM files
                 WHERE tenant = $1 AND owner = $2 AND state = 'PURGED'
                   -- A file is older than its last change: the index need not be read up to now.
                   AND id < (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint - $3::bigint), 12, '0')
                             || repeat('0', 20))::uuid
                   AND updated_at < clock_timestamp() - make_interval(secs => $3::bigint / 1000.0)
                 ORDER BY id LIMIT $4)
            RETURNING upload_id)
        DELETE FROM uploads WHERE id IN (SELECT upload_id FROM gone)
        """

    /// Whether the pause after the last one is over.
    static func isDue(
        _ name: String,
        every interval: Duration,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        try await pool.query(isDue, name, interval.wholeMilliseconds).first?.bool(0) ?? false
    }

    /// Notes that a round came to its end, unless somebody else leads by now.
    static func finish(
        _ name: String,
        under lease: Lease,
        jitter: Duration = .zero,
        on pool: PostgresPool
    ) async throws -> Bool {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
            guard try await LeaseStore.isCurrent(lease, in: tx) else { return false }
            return try await tx.execute(finish, name, jitter.wholeMilliseconds) == 1
        }
    }

    /// Notes why one did not.
    static func fail(_ name: String, _ reason: String, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(fail, name, reason)
    }

    /// Since the last one that came to its end, or since there was to be a first.
    static func age(_ name: String, on pool: PostgresPool) async throws(DatabaseError) -> Duration {
        .milliseconds(try await pool.query(age, name).first?.int64(0) ?? 0)
    }

    /// Files of `owner` whose bytes are not gone.
    static func unfinished(
        of owner: Owner,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [(id: UUID, state: FileState?)] {
        try await pool.query(unfinished, owner.tenant, owner.name).map { row throws(DatabaseError) in
            (try row.uuid(0), FileState(rawValue: try row.text(1)))
        }
    }

    /// Forgets files of `owner` whose bytes have been gone for `age`, with their uploads.
    ///
    /// - Returns: how many.
    @discardableResult
    static func prune(
        _ owner: Owner,
        after age: Duration,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int {
        try await pool.execute(prune, owner.tenant, owner.name, age.wholeMilliseconds, limit)
    }

    static func standing(
        of id: UUID,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> (state: FileState?, indexState: IndexState?, objectKey: String)? {
        guard let row = try await pool.query(standing, id).first else { return nil }
        return (
            FileState(rawValue: try row.text(0)), IndexState(rawValue: try row.text(1)), try row.text(2)
        )
    }
}
