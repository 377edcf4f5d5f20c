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

    /// - `replay_requested_at` is set by an operator who wants the record tried again, and what waits behind it.
    /// - A topic that was lost and made anew has other records in the same places: all of them are kept.
    public static let version2 = """
        ALTER TABLE parked_records ADD COLUMN replay_requested_at timestamptz;
        CREATE INDEX parked_records_to_replay ON parked_records (consumer, id)
         WHERE replay_requested_at IS NOT NULL;
        ALTER TABLE parked_records
         DROP CONSTRAINT parked_records_consumer_topic_partition_record_offset_key;
        CREATE UNIQUE INDEX parked_records_by_place ON parked_records
            (consumer, topic, partition, record_offset, sha256(coalesce(key, '')), sha256(coalesce(value, '')));
        """
}
