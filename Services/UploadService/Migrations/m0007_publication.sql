-- The newest version of the file that is on the topic for certain, as far as the sweep has noted. What has a newer version for
-- long, and no event on its way, is told again.
ALTER TABLE files ADD COLUMN published_version bigint NOT NULL DEFAULT 0;
-- Events that have left the outbox were published: a partition is emptied only then. The table is written anew in one
-- pass, which leaves no dead rows.
ALTER TABLE files ALTER COLUMN published_version TYPE bigint USING version;
-- Those whose events are still there, or parked, are noted in their turn.
UPDATE files SET published_version = 0
 WHERE id::text IN (SELECT key FROM outbox UNION SELECT key FROM outbox_parked);
CREATE INDEX files_unpublished ON files (id) WHERE version > published_version;

-- What must not stay where it is: few rows, whose ages are metrics.
CREATE INDEX uploads_doomed ON uploads (updated_at) WHERE state IN ('FAILED', 'ABORTED', 'EXPIRED');
CREATE INDEX files_unsettled ON files (updated_at) WHERE state IN ('PURGING', 'QUARANTINED');
