public import PostgresClient

/// What a check would have written, for tests of what is done about its findings.
public enum PlantedFindings {
    /// A check that has ended, of the database as it is: its id, whether it is complete, its report.
    public static let check: Statement = """
        INSERT INTO consistency_checks (id, requested_by, mode, digests, state, incarnation, epoch, is_complete,
                                        is_consistent, progress, report, finished_at)
        SELECT $1, 'test', 'full', 'none', 'COMPLETED',
               system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8),
               (SELECT epoch FROM incarnation), $2, false, '{"parts":{}}', $3::text::jsonb, clock_timestamp()
          FROM pg_control_system()
        """
    /// An object: the check, the kind, the key, the size, the ETag.
    public static let object: Statement = """
        INSERT INTO consistency_findings (check_id, kind, subject, object_key, size, etag, detail)
        VALUES ($1, $2, $3, $3, $4, $5, 'planted')
        """
    /// A stored file: the check, the kind, the file's id.
    public static let file: Statement = """
        INSERT INTO consistency_findings (check_id, kind, subject, file_id, upload_id, tenant, object_key, row_version,
                                          row_state, size, etag, detail)
        SELECT $1, $2, id::text, id, upload_id, tenant, object_key, version, state, size, etag, 'planted'
          FROM files WHERE id = $3
        """
    /// A multipart upload nobody knows of: the check, its id, the key.
    public static let leak: Statement = """
        INSERT INTO consistency_findings (check_id, kind, subject, object_key, multipart_id, detail)
        VALUES ($1, 'leaked_multipart', $2, $3, $2, 'planted')
        """
    /// An object that was seen without a row: the key, the ETag, the size, over how many seconds, how often.
    public static let sighting: Statement = """
        INSERT INTO orphan_sightings (object_key, etag, size, first_seen_at, last_seen_at, sightings)
        VALUES ($1, $2, $3, clock_timestamp() - make_interval(secs => $4::bigint), clock_timestamp(), $5::bigint)
        """
}
