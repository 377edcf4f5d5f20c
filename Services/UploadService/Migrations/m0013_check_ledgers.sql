-- Every time the store was asked to open a multipart upload: what it opened stays there, and costs, until it is completed or
-- aborted, and not every store can list what it has.
CREATE TABLE multipart_openings (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    upload_id    uuid        NOT NULL,
    object_key   text        COLLATE "C" NOT NULL,
    -- The store's; null as long as its answer has not come, and for ever when it got lost.
    multipart_id text,
    opened_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Since when it is known that the store has it no more.
    settled_at   timestamptz
);
CREATE INDEX multipart_openings_unsettled ON multipart_openings (id) WHERE settled_at IS NULL;
-- Of before: those of uploads that have not ended, and of sessions of which more than one was opened.
INSERT INTO multipart_openings (upload_id, object_key, multipart_id, opened_at)
SELECT id, object_key, s3_upload_id, created_at FROM uploads
 WHERE s3_upload_id IS NOT NULL AND state NOT IN ('COMPLETED', 'REAPED');
INSERT INTO multipart_openings (upload_id, object_key, opened_at)
SELECT id, object_key, created_at FROM uploads
 WHERE open_count > CASE WHEN s3_upload_id IS NULL THEN 0 ELSE 1 END;

CREATE INDEX consistency_findings_keys ON consistency_findings (check_id, object_key) WHERE object_key IS NOT NULL;
CREATE INDEX consistency_findings_pages ON consistency_findings (check_id, id);
-- Which check saw it last: a check that is gone on with counts nothing twice.
ALTER TABLE orphan_sightings ADD COLUMN check_id uuid;
-- How much was found, by kind: what metrics show, without the report.
ALTER TABLE consistency_checks ADD COLUMN finding_counts jsonb;
UPDATE consistency_checks SET finding_counts = report -> 'counts' WHERE state = 'COMPLETED';
CREATE INDEX consistency_checks_newest_complete ON consistency_checks (finished_at DESC)
    WHERE state = 'COMPLETED' AND is_complete;

-- A tenant's files in the order of their ids. On a large table it is built beforehand, CONCURRENTLY: see deploy/RUNBOOK.md.
CREATE INDEX IF NOT EXISTS files_tenant ON files (tenant, id);
