-- What rows must be like, said once for each table. PostgreSQL reads a constraint from its stored form whenever a statement begins: these fifteen
-- were a quarter of what it did for an upload. A function is read once in a session. `uploads_name_limit`, which clients are told of, stays.
--
-- NOT VALID, or both tables would be locked while they are read: what is there has met the same rules. The next migration reads it.
CREATE FUNCTION is_upload(
    state text, failure_reason text, declared_size bigint, declared_sha256 bytea, part_size bigint, part_count integer, checksum_kind text
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN state IN ('PENDING', 'ACTIVE', 'COMPLETING', 'COMPLETED', 'FAILED', 'ABORTED', 'EXPIRED', 'REAPED')
       AND (failure_reason IS NULL) = (state IN ('PENDING', 'ACTIVE', 'COMPLETING', 'COMPLETED'))
       AND declared_size >= 0
       AND octet_length(declared_sha256) = 32
       AND (part_size IS NULL) = (part_count IS NULL)
       AND (part_size IS NULL OR declared_size IS NOT NULL)
       AND part_size > 0
       AND part_count BETWEEN 1 AND 10000
       AND checksum_kind IN ('sha256', 'crc32c', 'crc64nvme');
END
$$;
CREATE FUNCTION is_file(
    state text, delete_after timestamptz, size bigint, sha256 bytea, verified_sha256 bytea, version bigint, index_state text
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN state IN ('AVAILABLE', 'QUARANTINED', 'DELETED', 'PURGING', 'PURGED')
       AND (delete_after IS NULL) = (state IN ('AVAILABLE', 'QUARANTINED'))
       AND size >= 0
       AND octet_length(sha256) = 32
       AND octet_length(verified_sha256) = 32
       AND version > 0
       AND index_state IN ('PENDING', 'INDEXED', 'REJECTED');
END
$$;
ALTER TABLE uploads
    ADD CONSTRAINT uploads_row
        CHECK (is_upload(state, failure_reason, declared_size, declared_sha256, part_size, part_count, checksum_kind)) NOT VALID,
    DROP CONSTRAINT uploads_state_check,
    DROP CONSTRAINT uploads_check,
    DROP CONSTRAINT uploads_declared_size_check,
    DROP CONSTRAINT uploads_declared_sha256_check,
    DROP CONSTRAINT uploads_plan,
    DROP CONSTRAINT uploads_part_size_check,
    DROP CONSTRAINT uploads_part_count_check,
    DROP CONSTRAINT uploads_checksum_kind_check;
ALTER TABLE files
    ADD CONSTRAINT files_row
        CHECK (is_file(state, delete_after, size, sha256, verified_sha256, version, index_state)) NOT VALID,
    DROP CONSTRAINT files_state_check,
    DROP CONSTRAINT files_check,
    DROP CONSTRAINT files_size_check,
    DROP CONSTRAINT files_sha256_check,
    DROP CONSTRAINT files_verified_sha256_check,
    DROP CONSTRAINT files_version_check,
    DROP CONSTRAINT files_index_state_check;
