import Digests
import EventContracts
import PostgresClient

/// Rows of files that are made of what lies in the bucket.
extension FileStore {
    /// With no version but one that is above all that was ever heard of the file.
    private static let adopt: Statement = """
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, sha256, verified_sha256, object_key,
                           etag, state, quarantine_reason, version, created_at, updated_at)
        SELECT $1, $2, $3, $4, normalize($5, NFC), $6, $7, $8, $9, $10, $11,
               CASE WHEN $12::text IS NULL THEN 'AVAILABLE' ELSE 'QUARANTINED' END, $12,
               CASE WHEN $13::bigint > 0 THEN next_version($13) ELSE first_version() END, now.at, now.at
          FROM (SELECT clock_timestamp() AS at) AS now
        ON CONFLICT DO NOTHING
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let conflict: Statement = """
        SELECT CASE WHEN id = $1 OR upload_id = $2 OR object_key = $3 THEN 'the file has a row'
                    ELSE 'its name is taken by ' || id END
          FROM files
         WHERE id = $1 OR upload_id = $2 OR object_key = $3
            OR tenant COLLATE "C" = $4 AND owner COLLATE "C" = $5 AND name COLLATE "C" = normalize($6, NFC)
               AND state IN ('AVAILABLE', 'QUARANTINED')
         LIMIT 1
        """
    private static let retire: Statement = """
        UPDATE files
           SET state = 'PURGED', version = next_version(version), delete_after = clock_timestamp(),
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE object_key = $1 AND version = $2 AND state IN ('AVAILABLE', 'QUARANTINED')
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let forget: Statement = "DELETE FROM files WHERE id = $1 AND state = 'PURGED'"

    /// - Returns: nil when somebody else has the id, the key or the name.
    static func adopt(
        _ adoption: Adoption,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        let upload = adoption.upload
        return try await tx.query(
            adopt,
            upload.fileID,
            upload.id,
            upload.tenant,
            upload.owner,
            upload.name,
            upload.contentType,
            adoption.object.size,
            adoption.object.sha256?.bytes,
            adoption.verified.bytes,
            upload.objectKey.text,
            adoption.object.etag,
            adoption.quarantineReason,
            adoption.heardVersion
        ).first.map(file)
    }

    /// Why no file can be made of the upload; nil when nothing is in the way.
    static func conflict(
        with upload: Upload,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> String? {
        try await tx.query(
            conflict,
            upload.fileID,
            upload.id,
            upload.objectKey.text,
            upload.tenant,
            upload.owner,
            upload.name
        ).first?.text(0)
    }

    /// The last version of an adopted file whose row is about to go; nil when it has moved on.
    static func retire(
        key: String,
        version: Int64,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        try await tx.query(retire, key, version).first.map(file)
    }

    /// Takes back an adoption that was retired: its tenant is no longer charged, and the key is free for another one.
    static func forget(_ file: File, in tx: borrowing Transaction) async throws(DatabaseError) {
        try await tx.execute(forget, file.id)
    }
}
