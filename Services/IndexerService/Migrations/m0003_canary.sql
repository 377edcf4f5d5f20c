-- Tombstones of the canary's files, oldest first: they are forgotten.
CREATE INDEX documents_canary ON documents (updated_at) WHERE tenant = 'waybill-canary' AND state = 'PURGED';
CREATE INDEX removals_file ON removals (file_id);
