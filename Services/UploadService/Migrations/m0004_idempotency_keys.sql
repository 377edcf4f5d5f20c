-- One number for each claim, never given twice: the claim of a key that was let go and claimed anew cannot be mistaken for
-- the one before.
CREATE SEQUENCE idempotency_epochs;

-- One row per Idempotency-Key of a caller, and one more for each file of a form (item 1, 2, …; a form's item 0 only keeps the
-- key from being used for something else).
CREATE TABLE idempotency_keys (
    tenant       text        NOT NULL,
    principal    text        NOT NULL,
    key          text        COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),
    item         integer     NOT NULL CHECK (item >= 0),
    -- SHA-256 of what the request asks for.
    fingerprint  bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    state        text        NOT NULL DEFAULT 'RUNNING' CHECK (state IN ('RUNNING', 'DONE')),
    -- Every write of the request that has the key names it.
    epoch        bigint      NOT NULL,
    locked_until timestamptz NOT NULL,
    -- Infinity while the file exists that the request has made.
    keep_until   timestamptz NOT NULL,
    -- The answer.
    status       integer,
    location     text,
    body         text,
    file_id      uuid,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz,
    PRIMARY KEY (tenant, principal, key, item),
    CHECK ((state = 'DONE') = (status IS NOT NULL AND body IS NOT NULL AND finished_at IS NOT NULL))
);
CREATE INDEX idempotency_keys_due ON idempotency_keys (keep_until) WHERE keep_until < 'infinity';
CREATE INDEX idempotency_keys_file ON idempotency_keys (file_id) WHERE file_id IS NOT NULL;
