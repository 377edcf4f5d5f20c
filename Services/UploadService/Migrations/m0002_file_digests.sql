-- What came by an upload session nobody but the store has read yet: its digest is known when the indexer has.
-- sha256 is what events state and never changes; verified_sha256 is what was computed from the stored bytes.
ALTER TABLE files
    ALTER COLUMN sha256 DROP NOT NULL,
    ADD COLUMN verified_sha256 bytea CHECK (octet_length(verified_sha256) = 32);
