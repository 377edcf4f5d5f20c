import PostgresClient

/// Every statement that touches `incarnation` and `safe_mode`.
enum SafeModeStore {
    /// - `incarnation`: the database as it was when somebody last looked, and the epoch of versions.
    /// - `incarnation_now`: as it is. Beside the server's identity those of the database and of a table in it: a dump that is
    ///   loaded into the same server makes new ones.
    /// - `first_version()`, `next_version(v)`: the only source of versions. They refuse as long as nobody has found out that the
    ///   database is another one, so that no version is ever written under the epoch of a past that others remember.
    /// - `safe_mode`: each time that it was; one row is open at most.
    static let schema = """
        CREATE TABLE incarnation (
            is_only  boolean PRIMARY KEY DEFAULT true CHECK (is_only),
            identity text    NOT NULL,
            epoch    bigint  NOT NULL DEFAULT 0 CHECK (epoch BETWEEN 0 AND 4194303)
        );
        CREATE VIEW incarnation_now AS
        SELECT (\(ServerIncarnation.sql))
               || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
               || '/' || 'incarnation'::regclass::oid AS identity;
        INSERT INTO incarnation (identity) SELECT identity FROM incarnation_now;

        CREATE TABLE safe_mode (
            id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            entered_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
            was         text        NOT NULL,
            "is"        text        NOT NULL,
            cause       text        NOT NULL,
            survey      jsonb,
            surveyed_at timestamptz,
            left_at     timestamptz,
            left_by     text,
            reason      text,
            CHECK ((left_at IS NULL) = (left_by IS NULL) AND (left_at IS NULL) = (reason IS NULL))
        );
        CREATE UNIQUE INDEX safe_mode_open ON safe_mode ((true)) WHERE left_at IS NULL;

        CREATE FUNCTION first_version() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
        DECLARE found bigint;
        BEGIN
            SELECT (epoch << 40) + 1 INTO found FROM incarnation JOIN incarnation_now USING (identity);
            IF found IS NULL THEN
                RAISE EXCEPTION 'the database is not the one it was; versions wait until that is taken in'
                      USING ERRCODE = '57P03';
            END IF;
            RETURN found;
        END $$;
        CREATE FUNCTION next_version(version bigint) RETURNS bigint LANGUAGE sql STABLE
        AS 'SELECT greatest(version, first_version()) + 1';
        """
    /// In doubt it is on: also while nobody vouches for the clock by which ages are told. A stay lasts until somebody ends it; a
    /// server that has only not been looked at yet is in a moment.
    private static let pause: Statement = """
        SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM incarnation JOIN incarnation_now USING (identity))
                      OR EXISTS (SELECT 1 FROM safe_mode WHERE left_at IS NULL) THEN 60::bigint
                    WHEN NOT clock_is_watched() THEN 2 END
        """
    private static let standing: Statement = """
        SELECT i.identity, n.identity, i.epoch, m.id, m.entered_at, m.was, m."is", m.cause,
               m.survey::text, m.surveyed_at, clock_is_watched()
          FROM incarnation_now n LEFT JOIN incarnation i ON true LEFT JOIN safe_mode m ON m.left_at IS NULL
        """
    private static let lock: Statement = """
        SELECT i.identity, n.identity, i.epoch FROM incarnation i, incarnation_now n FOR UPDATE OF i
        """
    private static let move: Statement = "UPDATE incarnation SET identity = $1, epoch = $2"
    private static let enter: Statement = """
        INSERT INTO safe_mode (was, "is", cause) VALUES ($1, $2, $3)
        ON CONFLICT ((true)) WHERE left_at IS NULL
        DO UPDATE SET "is" = EXCLUDED."is", cause = EXCLUDED.cause, survey = NULL, surveyed_at = NULL,
                      entered_at = clock_timestamp()
        """
    private static let leave: Statement = """
        UPDATE safe_mode SET left_at = clock_timestamp(), left_by = $2, reason = $3
         WHERE id = $1 AND left_at IS NULL
           AND EXISTS (SELECT 1 FROM incarnation JOIN incarnation_now USING (identity) WHERE epoch = $4)
        """
    private static let keepSurvey: Statement = """
        UPDATE safe_mode SET survey = $2::jsonb, surveyed_at = clock_timestamp()
         WHERE id = $1 AND left_at IS NULL
           AND EXISTS (SELECT 1 FROM incarnation JOIN incarnation_now USING (identity) WHERE epoch = $3)
        """

    static func pause(on pool: PostgresPool) async throws(DatabaseError) -> Duration? {
        try pause(try await pool.query(pause))
    }

    static func pause(in tx: borrowing Transaction) async throws(DatabaseError) -> Duration? {
        try pause(try await tx.query(pause))
    }

    private static func pause(_ rows: Rows) throws(DatabaseError) -> Duration? {
        guard let row = rows.first else {
            throw .unexpectedResult("the server did not tell whether safe mode is on")
        }
        return try row.optionalInt64(0).map { .seconds($0) }
    }

    static func standing(on pool: PostgresPool) async throws(DatabaseError) -> SafeMode.Standing {
        guard let row = try await pool.query(standing).first else {
            throw .unexpectedResult("the server did not tell its identity")
        }
        var stay: SafeMode.Stay?
        if let id = try row.optionalInt64(3) {
            stay = SafeMode.Stay(
                id: id,
                epoch: try row.optionalInt64(2) ?? 0,
                enteredAt: try row.timestamp(4),
                was: try row.text(5),
                isNow: try row.text(6),
                cause: try row.text(7),
                survey: try row.optionalText(8),
                surveyedAt: try row.optionalTimestamp(9)
            )
        }
        return SafeMode.Standing(
            known: try row.optionalText(0) ?? "",
            now: try row.text(1),
            epoch: try row.optionalInt64(2) ?? 0,
            isClockWatched: try row.bool(10),
            stay: stay
        )
    }

    /// Takes in that the database is `now`, unless somebody has; the row stays locked until `tx` ends.
    ///
    /// - Returns: false when nothing was to be done.
    static func enter(
        epoch: Int64,
        cause: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        guard let row = try await tx.query(lock).first else {
            throw .unexpectedResult("the table incarnation is empty")
        }
        let (was, now, current) = (try row.text(0), try row.text(1), try row.int64(2))
        guard was != now || current < epoch else { return false }
        try await tx.execute(move, now, max(epoch, current))
        try await tx.execute(enter, was, now, cause)
        return true
    }

    /// - Returns: false when that stay is over, or has had a new cause.
    static func leave(
        _ stay: SafeMode.Stay,
        by person: String,
        reason: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(leave, stay.id, person, reason, stay.epoch) == 1
    }

    static func keepSurvey(
        _ json: String,
        of stay: SafeMode.Stay,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        try await pool.execute(keepSurvey, stay.id, json, stay.epoch) == 1
    }
}
