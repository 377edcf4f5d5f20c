import Determinism
import PostgresClient

/// What is asked of the database's clock and its write-ahead log; every statement that writes `clock_watch`.
enum ClockStore {
    /// `clock_watch`: up to when somebody has vouched that the database's clock runs evenly. Every age that decides over destruction
    /// is told by that clock; what destroys is held where it is more than 15 minutes from here, in either direction.
    ///
    /// So there is no moment between a jump of the clock and the first look: the age that has come about by it destroys nothing. The same
    /// holds for a time in which nobody watched; and after each start of the server, however short it was away: what started may be an
    /// earlier copy of the disk.
    static let schema = """
        CREATE TABLE clock_watch (
            is_only boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
            seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            server_start timestamptz NOT NULL DEFAULT pg_postmaster_start_time()
        );
        INSERT INTO clock_watch DEFAULT VALUES;
        CREATE FUNCTION clock_is_watched() RETURNS boolean LANGUAGE sql VOLATILE AS
        'SELECT EXISTS (SELECT 1 FROM clock_watch WHERE server_start = pg_postmaster_start_time()
                                                    AND clock_timestamp() > seen_at - interval ''15 minutes''
                                                    AND clock_timestamp() < seen_at + interval ''15 minutes'')';
        """
    private static let look: Statement = """
        SELECT n.identity, i.epoch, (pg_current_wal_flush_lsn() - '0/0')::bigint,
               (pg_current_wal_insert_lsn() - '0/0')::bigint, clock_timestamp(), clock_is_watched(),
               pg_postmaster_start_time()
          FROM incarnation_now n, incarnation i
        """
    /// Not every second: a row that is rewritten leaves its dead behind.
    private static let vouch: Statement = """
        UPDATE clock_watch SET seen_at = clock_timestamp()
         WHERE clock_is_watched() AND abs(extract(epoch FROM clock_timestamp() - seen_at)) > 30
        """
    /// Not when the server has started since: what it is now has to be looked at first.
    private static let adopt: Statement = """
        UPDATE clock_watch SET seen_at = $1, server_start = $2 WHERE pg_postmaster_start_time() = $2
        """

    static func look(
        on pool: PostgresPool,
        _ time: any TimeSource
    ) async throws(DatabaseError) -> DatabaseSight {
        guard let row = try await pool.query(look).first else {
            throw .unexpectedResult("the table incarnation is empty")
        }
        return DatabaseSight(
            identity: try row.text(0),
            epoch: try row.int64(1),
            flushed: try row.int64(2),
            inserted: try row.int64(3),
            now: try row.timestamp(4),
            isClockWatched: try row.bool(5),
            serverStart: try row.timestamp(6),
            uptime: time.uptime
        )
    }

    /// Tells that the clock has run evenly until now. Nothing is written when it has jumped since it was last looked at.
    static func vouch(on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(vouch)
    }

    /// Begins anew from `sight`, which was made sure of in another way.
    static func adopt(_ sight: DatabaseSight, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(adopt, sight.now, sight.serverStart)
    }

    static func adopt(_ sight: DatabaseSight, in tx: borrowing Transaction) async throws(DatabaseError) {
        try await tx.execute(adopt, sight.now, sight.serverStart)
    }
}
