-- A stored plan: what is to be done about findings of a complete check. Its items are what hash is over; they never change.
CREATE TABLE repair_plans (
    id            uuid        PRIMARY KEY,
    check_id      uuid        NOT NULL,
    scope         text        NOT NULL CHECK (scope IN ('orphaned-files', 'orphaned-records', 'full', 'selection')),
    reason        text        NOT NULL,
    created_by    text        NOT NULL,
    -- Of the database the findings are about.
    incarnation   text        NOT NULL,
    state         text        NOT NULL DEFAULT 'PLANNED' CHECK (state IN
        ('PLANNED', 'RUNNING', 'DONE', 'STOPPED', 'UNDOING', 'UNDONE')),
    stop_reason   text,
    item_count    bigint      NOT NULL CHECK (item_count >= 0),
    -- Of these, what takes something away from somebody; the brake counts them, and their bytes.
    harm_count    bigint      NOT NULL CHECK (harm_count >= 0),
    byte_count    bigint      NOT NULL CHECK (byte_count >= 0),
    -- Objects the check has looked at.
    checked_count bigint      NOT NULL CHECK (checked_count >= 0),
    hash          bytea       NOT NULL CHECK (octet_length(hash) = 32),
    -- Who let it run, and whether with its hash.
    started_by    text,
    is_confirmed  boolean     NOT NULL DEFAULT false,
    undone_by     text,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at    timestamptz,
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at   timestamptz
);
CREATE INDEX repair_plans_open ON repair_plans (updated_at) WHERE state IN ('RUNNING', 'UNDOING');

CREATE TABLE repair_items (
    plan_id       uuid        NOT NULL REFERENCES repair_plans (id),
    number        integer     NOT NULL CHECK (number > 0),
    finding_id    bigint      NOT NULL,
    kind          text        NOT NULL,
    action        text        NOT NULL,
    subject       text        NOT NULL,
    -- What must still hold when it is done.
    tenant        text,
    file_id       uuid,
    upload_id     uuid,
    object_key    text        COLLATE "C",
    multipart_id  text,
    row_version   bigint,
    row_state     text,
    size          bigint,
    etag          text,
    -- What has become of it.
    state         text        NOT NULL DEFAULT 'PLANNED' CHECK (state IN
        ('PLANNED', 'WAITING', 'ORDERED', 'DONE', 'SKIPPED', 'FAILED', 'UNDOING', 'UNDONE')),
    outcome       text,
    -- The row as it was before.
    shadow        jsonb,
    -- The version the action gave the file, without which an undo would hit something else.
    after_version bigint,
    -- The order to the cleanup consumer: the same event however often it is sent.
    order_id      uuid,
    order_version bigint,
    ordered_at    timestamptz,
    asked_at      timestamptz,
    trash_key     text        COLLATE "C",
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan_id, number)
);
CREATE INDEX repair_items_order ON repair_items (order_id, order_version) WHERE order_id IS NOT NULL;
CREATE INDEX repair_items_key ON repair_items (object_key) WHERE state IN ('ORDERED', 'UNDOING');
CREATE INDEX repair_items_asked ON repair_items (asked_at) WHERE state IN ('ORDERED', 'UNDOING');
