/// The table of sagas, for a service's migrations. Frozen: a change is a new migration.
public enum SagaSchema {
    /// A row exists while something is owed; the transaction that ends a saga removes it.
    /// `epoch` fences: every write of the process that drives a saga names the epoch it claimed.
    public static let version1 = """
        CREATE TABLE sagas (
            id           uuid        PRIMARY KEY,
            kind         text        NOT NULL,
            subject      uuid        NOT NULL,
            context      text        NOT NULL,
            log          text[]      NOT NULL,
            epoch        bigint      NOT NULL DEFAULT 1,
            owner        text        NOT NULL DEFAULT '',
            lease_until  timestamptz NOT NULL DEFAULT '-infinity',
            wake_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
            attempts     integer     NOT NULL DEFAULT 0,
            last_failure text,
            created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
            UNIQUE (kind, subject)
        );
        CREATE INDEX sagas_due ON sagas (greatest(wake_at, lease_until));
        """

    /// `traceparent` is the trace of the work that began the saga, for the log lines and events of whoever drives it.
    public static let version2 = "ALTER TABLE sagas ADD COLUMN traceparent text;"
}
