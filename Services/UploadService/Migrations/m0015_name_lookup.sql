-- A name is looked up by this index and by no other. Plans are kept, and one that was made while the table was small may choose any index
-- that begins with the tenant: each upload then read all the tenant's files. The collation keeps the others away from the lookup.
-- On a large table it is built beforehand, CONCURRENTLY: see deploy/RUNBOOK.md. What such an attempt left behind, unfinished, is no index.
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('files_name_lookup') AND NOT indisvalid) THEN
        DROP INDEX files_name_lookup;
    END IF;
END $$;
-- First what needs the stronger lock: a weaker one that is raised later meets the services half way.
DROP INDEX files_visible_name;
CREATE UNIQUE INDEX IF NOT EXISTS files_name_lookup ON files (tenant COLLATE "C", owner COLLATE "C", name COLLATE "C")
    WHERE state IN ('AVAILABLE', 'QUARANTINED');
