-- Orders of repairs about object keys and multipart uploads. The one with the highest version counts; what is older is not
-- carried out any more. An answer stays as it was given: repeated, it is the same event, byte for byte.
CREATE TABLE trash_orders (
    order_id    uuid        NOT NULL,
    version     bigint      NOT NULL CHECK (version > 0),
    plan_id     uuid        NOT NULL,
    object_key  text        COLLATE "C" NOT NULL,
    outcome     text        CHECK (outcome IN ('TRASHED', 'RESTORED', 'KEPT', 'ABORTED')),
    reason      text,
    answered_at timestamptz,
    PRIMARY KEY (order_id, version),
    CHECK ((outcome IS NULL) = (answered_at IS NULL))
);

-- What was moved under .waybill/trash/, or is being moved there or back.
CREATE TABLE trash (
    plan_id       uuid        NOT NULL,
    object_key    text        COLLATE "C" NOT NULL,
    trash_key     text        COLLATE "C" NOT NULL UNIQUE,
    size          bigint      NOT NULL CHECK (size >= 0),
    -- Of the original.
    etag          text        NOT NULL,
    state         text        NOT NULL DEFAULT 'COPYING' CHECK (state IN
        ('COPYING', 'COPIED', 'REMOVING', 'TRASHED', 'RESTORING', 'RESTORED', 'EMPTYING', 'EMPTIED')),
    copied_at     timestamptz,
    -- How often, and when last, somebody was about to delete the original: an undo must not be overtaken by a late delete.
    removal_count integer     NOT NULL DEFAULT 0,
    removing_at   timestamptz,
    trashed_at    timestamptz,
    PRIMARY KEY (plan_id, object_key)
);
CREATE INDEX trash_due ON trash (copied_at) WHERE state <> 'EMPTIED';
