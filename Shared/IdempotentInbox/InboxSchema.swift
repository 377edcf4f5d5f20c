/// The inbox's tables, for a service's migrations. Frozen: a change is a new migration.
public enum InboxSchema {
    /// - `inbox` remembers which events a consumer has applied.
    /// - `consumer_offsets` is the truth about how far a consumer has come; what Kafka is told is a cache.
    ///   `epoch` fences a member that lost the partition without noticing.
    /// - `parked_records` keeps records that cannot be applied, and what followed them under the same key.
    public static let version1 = """
        CREATE TABLE inbox (
            consumer text        NOT NULL,
            event_id text        NOT NULL,
            seen_at  timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer, event_id)
        );
        CREATE INDEX inbox_by_age ON inbox (seen_at);

        CREATE TABLE consumer_offsets (
            consumer    text   NOT NULL,
            topic       text   NOT NULL,
            partition   integer NOT NULL,
            next_offset bigint NOT NULL CHECK (next_offset >= 0),
            epoch       bigint NOT NULL DEFAULT 1,
            PRIMARY KEY (consumer, topic, partition)
        );

        CREATE TABLE parked_records (
            id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            consumer      text        NOT NULL,
            topic         text        NOT NULL,
            partition     integer     NOT NULL,
            record_offset bigint      NOT NULL,
            key           bytea,
            value         bytea,
            header_names  text[]      NOT NULL,
            header_values bytea[]     NOT NULL,
            reason        text        NOT NULL,
            parked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
            UNIQUE (consumer, topic, partition, record_offset)
        );
        CREATE INDEX parked_records_by_key ON parked_records (consumer, key, id);
        """
}
