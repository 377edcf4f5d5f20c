-- What a check compares of a row, in one number. Each hash is the seed of the next, so that a change moves rows that differ by amounts that
-- differ; that of a record adds up those of its columns, and took more than twice as long with what made up for it.
CREATE FUNCTION row_digest(
    object_key text, upload_state text, file_state text, version bigint, size bigint, etag text, sha256 bytea
) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(object_key COLLATE "C", hashtextextended(upload_state COLLATE "C",
           hashtextextended(coalesce(file_state, '') COLLATE "C", hashint8extended(coalesce(version, 0),
           hashint8extended(coalesce(size, -1), hashtextextended(coalesce(etag, '') COLLATE "C",
           hashtextextended(coalesce(encode(sha256, 'hex'), '') COLLATE "C", 1)))))))
$$;
