-- One row per attempt to bring a file in; committed before the first byte leaves for the store.
CREATE TABLE uploads (
    id              uuid        PRIMARY KEY,
    file_id         uuid        NOT NULL UNIQUE,
    tenant          text        NOT NULL,
    owner           text        NOT NULL,
    -- In normalization form C, which can be three times as long as what the user sent.
    name            text        NOT NULL CONSTRAINT uploads_name_limit CHECK (octet_length(name) <= 1024),
    content_type    text        NOT NULL,
    declared_size   bigint      CHECK (declared_size >= 0),
    declared_sha256 bytea       CHECK (octet_length(declared_sha256) = 32),
    object_key      text        COLLATE "C" NOT NULL UNIQUE,
    s3_upload_id    text,
    state           text        NOT NULL CHECK (state IN
        ('PENDING', 'ACTIVE', 'COMPLETING', 'COMPLETED', 'FAILED', 'ABORTED', 'EXPIRED', 'REAPED')),
    delete_requested boolean    NOT NULL DEFAULT false,
    failure_reason  text,
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((failure_reason IS NULL) = (state IN ('PENDING', 'ACTIVE', 'COMPLETING', 'COMPLETED')))
);
CREATE INDEX uploads_open ON uploads (expires_at) WHERE state IN ('PENDING', 'ACTIVE', 'COMPLETING');

-- One row per file that was ever stored; PURGED rows stay as tombstones.
CREATE TABLE files (
    id                uuid        PRIMARY KEY,
    upload_id         uuid        NOT NULL UNIQUE REFERENCES uploads (id),
    tenant            text        NOT NULL,
    owner             text        NOT NULL,
    name              text        NOT NULL,
    content_type      text        NOT NULL,
    size              bigint      NOT NULL CHECK (size >= 0),
    sha256            bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    object_key        text        COLLATE "C" NOT NULL UNIQUE,
    etag              text        NOT NULL,
    state             text        NOT NULL CHECK (state IN
        ('AVAILABLE', 'QUARANTINED', 'DELETED', 'PURGING', 'PURGED')),
    version           bigint      NOT NULL CHECK (version > 0),
    index_state       text        NOT NULL DEFAULT 'PENDING'
        CHECK (index_state IN ('PENDING', 'INDEXED', 'REJECTED')),
    quarantine_reason text,
    delete_after      timestamptz,
    legal_hold        boolean     NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    CHECK ((delete_after IS NULL) = (state IN ('AVAILABLE', 'QUARANTINED')))
);
-- (owner, name) is unique among the files a reader can see.
CREATE UNIQUE INDEX files_visible_name ON files (tenant, owner, name)
    WHERE state IN ('AVAILABLE', 'QUARANTINED');
CREATE INDEX files_listing ON files (tenant, owner, state, id DESC);
