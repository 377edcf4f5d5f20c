-- An upload whose bytes come in many requests, or go straight to the store: a session. It has a part plan; uploads that
-- come in one request have none.
ALTER TABLE uploads
    ADD COLUMN part_size       bigint  CHECK (part_size > 0),
    ADD COLUMN part_count      integer CHECK (part_count BETWEEN 1 AND 10000),
    -- The kind of checksum every part is protected by, where the client asked for one.
    ADD COLUMN checksum_kind   text    CHECK (checksum_kind IN ('sha256', 'crc32c', 'crc64nvme')),
    -- How often the store was asked to open a multipart upload: more than once means that some may have been left open.
    ADD COLUMN open_count      integer NOT NULL DEFAULT 0,
    -- Parts the store was seen to hold: a rise is progress, and moves expires_at on.
    ADD COLUMN seen_part_count integer NOT NULL DEFAULT 0,
    -- What went wrong while the parts were put together, one line each.
    ADD COLUMN attempts        text[]  NOT NULL DEFAULT '{}',
    -- Of these, how often the store was asked and had made nothing, and since when.
    ADD COLUMN refusal_count   integer NOT NULL DEFAULT 0,
    ADD COLUMN refused_since   timestamptz,
    -- Since when the store says that it does not know the multipart upload of an open session.
    ADD COLUMN lost_since      timestamptz,
    ADD CONSTRAINT uploads_plan CHECK ((part_size IS NULL) = (part_count IS NULL)
        AND (part_size IS NULL OR declared_size IS NOT NULL));
CREATE INDEX uploads_listing ON uploads (tenant, owner, created_at DESC, id DESC) WHERE part_size IS NOT NULL;

-- What is known of the parts of open sessions beside what the store lists. Goes when the session has ended.
CREATE TABLE upload_parts (
    upload_id     uuid        NOT NULL REFERENCES uploads (id),
    number        integer     NOT NULL CHECK (number BETWEEN 1 AND 10000),
    -- Who receives the part's bytes at the moment, and until when nobody else may.
    claim         uuid,
    claimed_until timestamptz,
    -- Of the bytes this service passed on; null for a part that went straight to the store, or is on its way.
    sha256        bytea       CHECK (octet_length(sha256) = 32),
    -- As the store gave it. The list that completes the upload is made of these once it is frozen.
    etag          text,
    -- What the client bound a presigned URL to, as <kind>:<base64>.
    checksum      text,
    PRIMARY KEY (upload_id, number)
);
