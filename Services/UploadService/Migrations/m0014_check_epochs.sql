-- What a check says holds for the epoch it was begun in: one that came back with a restored database, or that was under way when the database
-- became another, is no evidence afterwards. Of those before, where nothing is known against them, the present one; else null, which is none.
ALTER TABLE consistency_checks ADD COLUMN epoch bigint;
UPDATE consistency_checks SET epoch = (SELECT epoch FROM incarnation)
 WHERE started_at > coalesce((SELECT max(entered_at) FROM safe_mode), '-infinity');
