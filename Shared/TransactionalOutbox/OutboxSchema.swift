/// The outbox's tables, for a service's migrations. Frozen: a change is a new migration.
public enum OutboxSchema {
    /// How many partitions take turns. Three: one written, one being drained, one empty.
    public static let partitionCount = 3

    /// - `outbox` is append-only. `id` is drawn while the writer holds its aggregate's row lock, so per key the
    ///   order of ids is the order of commits; `tx` says in which transaction, so a reader can ask a snapshot.
    ///   `slot` picks the partition; a partition is truncated once all its rows are published.
    /// - `outbox_writer` names the slot written now.
    /// - `outbox_tick` is how far the relay has come.
    /// - `outbox_parked` holds rows that can never be published, and what followed them under the same key.
    /// - `outbox_requests` is what operators ask of the relay: publish again, or try a parked key again.
    public static let version1 = """
        CREATE SEQUENCE outbox_id_seq AS bigint CACHE 1;

        CREATE TABLE outbox (
            id         bigint      NOT NULL DEFAULT nextval('outbox_id_seq'),
            tx         xid8        NOT NULL DEFAULT pg_current_xact_id(),
            slot       smallint    NOT NULL,
            event_id   text        NOT NULL,
            topic      text        NOT NULL,
            key        text        NOT NULL,
            version    bigint      NOT NULL,
            headers    text[]      NOT NULL,
            payload    bytea       NOT NULL CHECK (octet_length(payload) <= 524288),
            created_at timestamptz NOT NULL DEFAULT clock_timestamp()
        ) PARTITION BY LIST (slot);
        CREATE TABLE outbox_0 PARTITION OF outbox FOR VALUES IN (0);
        CREATE TABLE outbox_1 PARTITION OF outbox FOR VALUES IN (1);
        CREATE TABLE outbox_2 PARTITION OF outbox FOR VALUES IN (2);
        CREATE INDEX outbox_by_id ON outbox (id);
        CREATE INDEX outbox_by_tx ON outbox (tx, id);

        CREATE TABLE outbox_writer (
            singleton  boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
            slot       smallint    NOT NULL,
            rotated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            rotated_id bigint      NOT NULL DEFAULT 0
        );
        INSERT INTO outbox_writer (slot) VALUES (0);

        CREATE TABLE outbox_tick (
            singleton   boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
            epoch       bigint      NOT NULL DEFAULT 0,
            incarnation text        NOT NULL DEFAULT '',
            snap_from   pg_snapshot NOT NULL DEFAULT '1:1:',
            snap_to     pg_snapshot,
            last_id     bigint      NOT NULL DEFAULT 0,
            new_id      bigint      NOT NULL DEFAULT 0
        );
        INSERT INTO outbox_tick DEFAULT VALUES;

        CREATE TABLE outbox_parked (
            id        bigint      PRIMARY KEY,
            event_id  text        NOT NULL,
            topic     text        NOT NULL,
            key       text        NOT NULL,
            version   bigint      NOT NULL,
            headers   text[]      NOT NULL,
            payload   bytea       NOT NULL,
            reason    text        NOT NULL,
            parked_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX outbox_parked_by_key ON outbox_parked (key, id);

        CREATE TABLE outbox_requests (
            id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            kind         text        NOT NULL CHECK (kind IN ('REPUBLISH', 'UNPARK')),
            key          text,
            since        timestamptz,
            requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            done_at      timestamptz,
            result       text
        );
        """

    /// - `outbox_holds`: who has yet to take note of published rows. Rows that are not visible in `snap` keep their
    ///   partition. `incarnation` says in which server the snapshot was taken; in another it means nothing.
    public static let version2 = """
        CREATE TABLE outbox_holds (
            name        text        PRIMARY KEY,
            snap        pg_snapshot NOT NULL DEFAULT '1:1:',
            incarnation text        NOT NULL DEFAULT ''
        );
        """

    /// - `outbox_unparked`: parked rows that were published after all, for each hold that has gone past them: it has yet to
    ///   take note of them. A database without this table keeps no such notes.
    public static let version3 = """
        CREATE TABLE outbox_unparked (
            hold    text   NOT NULL REFERENCES outbox_holds (name) ON DELETE CASCADE,
            key     text   NOT NULL,
            id      bigint NOT NULL,
            topic   text   NOT NULL,
            version bigint NOT NULL,
            PRIMARY KEY (hold, key, id)
        );

        """

    /// - `id` is drawn when the transaction has its number, never before. Nobody may set the sequence back, or let sessions
    ///   draw ids in advance (`CACHE`).
    ///
    /// By itself, and before version 5: one migration that locked both tables could wait for the relay while that waits for it.
    public static let version4 = """
        ALTER TABLE outbox ALTER COLUMN id
            SET DEFAULT CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('outbox_id_seq') END;
        """

    /// - `outbox_tick`: transactions from `from_xid` on have no ids below `from_id`, for `from_id` had been drawn before `from_xid`
    ///   was given out; `to_xid` and `to_id` will be those of the next tick. So nobody has to look for the first id among
    ///   all rows of a tick. 0: not known; then somebody does.
    public static let version5 = """
        ALTER TABLE outbox_tick
            ADD COLUMN from_xid xid8   NOT NULL DEFAULT '0',
            ADD COLUMN from_id  bigint NOT NULL DEFAULT 0,
            ADD COLUMN to_xid   xid8   NOT NULL DEFAULT '0',
            ADD COLUMN to_id    bigint NOT NULL DEFAULT 0;
        """
}
