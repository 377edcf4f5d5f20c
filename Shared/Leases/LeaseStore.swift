public import PostgresClient

/// Every statement that touches `leases`, and the table itself.
public enum LeaseStore {
    /// The table, for a service's migrations. Frozen: a change is a new migration.
    public static let schema = """
        CREATE TABLE leases (
            name    text        PRIMARY KEY,
            owner   text        NOT NULL,
            epoch   bigint      NOT NULL CHECK (epoch > 0),
            expires timestamptz NOT NULL
        );
        """

    /// Starts at the seconds since 1970, so that a row somebody removed comes back with a higher epoch than it had.
    private static let create: Statement = """
        INSERT INTO leases (name, owner, epoch, expires)
        VALUES ($1, $2, extract(epoch FROM clock_timestamp())::bigint,
                clock_timestamp() + make_interval(secs => $3::bigint / 1000.0))
        ON CONFLICT (name) DO NOTHING
        RETURNING epoch
        """

    /// Renews the caller's own lease or takes an expired one. Only the database's clock decides.
    private static let take: Statement = """
        UPDATE leases
           SET owner = $2,
               expires = clock_timestamp() + make_interval(secs => $3::bigint / 1000.0),
               epoch = CASE WHEN owner = $2 AND epoch = $4 THEN epoch ELSE epoch + 1 END
         WHERE name = $1
           AND ((owner = $2 AND epoch = $4) OR expires < clock_timestamp())
        RETURNING epoch
        """

    private static let release: Statement = """
        UPDATE leases SET expires = '-infinity' WHERE name = $1 AND owner = $2 AND epoch = $3
        """

    private static let lockCurrent: Statement = """
        SELECT 1 FROM leases WHERE name = $1 AND owner = $2 AND epoch = $3 FOR SHARE
        """

    /// - Returns: the epoch under which the caller holds the lease from now on, or nil when another holds it.
    static func acquire(
        _ name: String,
        owner: String,
        epoch: Int64,
        ttlMilliseconds: Int64,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int64? {
        if let row = try await pool.query(take, name, owner, ttlMilliseconds, epoch).first {
            return try row.int64(0)
        }
        guard epoch == 0 else { return nil }
        return try await pool.query(create, name, owner, ttlMilliseconds).first?.int64(0)
    }

    static func release(_ lease: Lease, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(release, lease.name, lease.owner, lease.epoch)
    }

    /// Whether `lease` is still the newest one. The row stays locked until `tx` ends, so nobody can
    /// take the lease over between this check and the commit.
    public static func isCurrent(
        _ lease: Lease,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.query(lockCurrent, lease.name, lease.owner, lease.epoch).count == 1
    }
}
