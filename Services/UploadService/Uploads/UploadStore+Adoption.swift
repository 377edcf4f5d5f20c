import Digests
import EventContracts
import PostgresClient

import struct FoundationEssentials.UUID

/// Rows that are made of what lies in the bucket, and rows that begin a lost saga again.
extension UploadStore {
    private static let adopt: Statement = """
        INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, declared_size, declared_sha256,
                             object_key, state, expires_at)
        VALUES ($1, $2, $3, $4, normalize($5, NFC), $6, $7, $8, $9, 'COMPLETED', clock_timestamp())
        ON CONFLICT DO NOTHING
        """
    /// Only what a restored database takes for unfinished: what was begun since is somebody's who is at it.
    private static let adoptOpen: Statement = """
        WITH before AS (
            SELECT id, to_jsonb(u) AS was FROM uploads u
             WHERE id = $1 AND file_id = $2 AND object_key = $3 AND state IN ('PENDING', 'ACTIVE', 'COMPLETING')
               AND created_at < (SELECT max(entered_at) FROM safe_mode) FOR UPDATE),
        parts AS (DELETE FROM upload_parts p USING before b WHERE p.upload_id = b.id)
        UPDATE uploads u
           SET state = 'COMPLETED', declared_size = $4, updated_at = clock_timestamp()
          FROM before b WHERE u.id = b.id
        RETURNING b.was::text
        """
    private static let forget: Statement = "DELETE FROM uploads WHERE id = $1 AND state = 'COMPLETED'"

    private static let stored: Statement = """
        SELECT id, file_id, tenant, owner, object_key, state FROM uploads WHERE id = $1 FOR UPDATE
        """

    /// What a saga of the upload is about, with its row locked: nobody begins another one meanwhile.
    static func stored(
        _ upload: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> (stored: StoredUpload, state: UploadState)? {
        guard let row = try await tx.query(stored, upload).first else { return nil }
        guard let state = UploadState(rawValue: try row.text(5)) else {
            throw .unexpectedResult("a row of uploads has a state this program does not know")
        }
        return (try StoredUpload(row), state)
    }

    /// - Returns: false when a row has the upload's id, its file's or its key.
    static func adopt(_ upload: Upload, in tx: borrowing Transaction) async throws(DatabaseError) -> Bool {
        try await tx.execute(
            adopt,
            upload.id,
            upload.fileID,
            upload.tenant,
            upload.owner,
            upload.name,
            upload.contentType,
            upload.declaredSize,
            upload.declaredSHA256?.bytes,
            upload.objectKey.text
        ) == 1
    }

    /// Completes an upload that was under way when the backup was made.
    ///
    /// - Returns: its row as it was, as JSON; nil when there is none.
    static func adoptOpen(
        _ upload: Upload,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> String? {
        try await tx.query(
            adoptOpen,
            upload.id,
            upload.fileID,
            upload.objectKey.text,
            upload.declaredSize
        ).first?.text(0)
    }

    /// Takes back an adoption. Its file's row must be gone.
    static func forget(_ upload: UUID, in tx: borrowing Transaction) async throws(DatabaseError) {
        try await tx.execute(forget, upload)
    }
}
