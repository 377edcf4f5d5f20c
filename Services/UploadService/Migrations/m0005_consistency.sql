-- One row per consistency check. While it is RUNNING, whoever holds the lease `consistency-check` drives it.
CREATE TABLE consistency_checks (
    id            uuid        PRIMARY KEY,
    requested_by  text        NOT NULL,
    mode          text        NOT NULL CHECK (mode IN ('full', 'incremental')),
    digests       text        NOT NULL CHECK (digests IN ('none', 'sampled', 'full')),
    state         text        NOT NULL CHECK (state IN ('RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    -- Of the database, as it was when the check began.
    incarnation   text        NOT NULL,
    -- Whether everything was compared; known at the end.
    is_complete   boolean,
    is_consistent boolean,
    -- Where it goes on after a crash, and what was counted so far.
    progress      jsonb       NOT NULL,
    report        jsonb,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at   timestamptz,
    CHECK ((state = 'RUNNING') = (finished_at IS NULL)),
    -- Nothing may be called consistent that was not looked at.
    CHECK (is_consistent IS NOT TRUE OR is_complete IS TRUE)
);
CREATE UNIQUE INDEX consistency_checks_running ON consistency_checks ((true)) WHERE state = 'RUNNING';
CREATE INDEX consistency_checks_newest ON consistency_checks (finished_at DESC) WHERE state = 'COMPLETED';

-- What was found twice, with a pause between, and did not change.
CREATE TABLE consistency_findings (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    check_id     uuid        NOT NULL REFERENCES consistency_checks (id) ON DELETE CASCADE,
    kind         text        NOT NULL CHECK (kind IN
        ('orphan_object', 'missing_object', 'size_mismatch', 'digest_mismatch', 'leaked_multipart', 'stuck_state',
         'event_gap', 'index_missing', 'index_stale', 'index_ghost', 'quota_drift')),
    -- An object key, a file's, an upload's or a multipart upload's id.
    subject      text        NOT NULL,
    tenant       text,
    file_id      uuid,
    upload_id    uuid,
    object_key   text        COLLATE "C",
    multipart_id text,
    row_version  bigint,
    row_state    text,
    size         bigint,
    etag         text,
    detail       text        NOT NULL,
    found_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (check_id, kind, subject)
);

-- Objects without a row, over all checks: how often, and since when, each was seen unchanged.
CREATE TABLE orphan_sightings (
    object_key    text        COLLATE "C" PRIMARY KEY,
    etag          text        NOT NULL,
    size          bigint      NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    sightings     integer     NOT NULL
);

-- Ranges of object keys that were compared and found in order, and what their rows were then.
CREATE TABLE consistency_ranges (
    -- Exclusive; empty for the first.
    lower_bound text        COLLATE "C" PRIMARY KEY,
    -- Inclusive; null for the last.
    upper_bound text        COLLATE "C",
    row_count   bigint      NOT NULL,
    -- Of the rows, read before the listing began.
    digest      text        NOT NULL,
    compared_at timestamptz NOT NULL,
    check_id    uuid        NOT NULL
);
