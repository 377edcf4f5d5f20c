-- What the log says of each file. Rows of deleted files stay as tombstones: their version keeps late events out.
CREATE TABLE documents (
    file_id      uuid        PRIMARY KEY,
    version      bigint      NOT NULL CHECK (version > 0),
    tenant       text        NOT NULL,
    owner        text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('LIVE', 'QUARANTINED', 'DELETED', 'PURGED')),
    index_state  text        NOT NULL DEFAULT 'PENDING' CHECK (index_state IN ('PENDING', 'INDEXED', 'REJECTED')),
    name         text,
    content_type text,
    size         bigint      CHECK (size >= 0),
    sha256       text        CHECK (length(sha256) = 64),
    object_key   text        COLLATE "C",
    search       tsvector,
    excerpt      text,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX documents_search ON documents USING gin (search) WHERE state = 'LIVE';
CREATE INDEX documents_owner ON documents (tenant, owner, file_id) WHERE state = 'LIVE';
CREATE INDEX documents_object ON documents (object_key) WHERE state IN ('LIVE', 'QUARANTINED', 'DELETED');

-- Bytes that had to go, and what was seen of them.
CREATE TABLE removals (
    object_key       text        COLLATE "C" PRIMARY KEY,
    file_id          uuid        NOT NULL,
    upload_id        uuid,
    versions_removed bigint      NOT NULL DEFAULT 0,
    first_absent_at  timestamptz,
    reported_at      timestamptz,
    stalled_at       timestamptz
);
