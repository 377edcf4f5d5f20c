import Determinism
import Digests
import EventContracts
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `uploads`, but for the one that makes a file of one (`FileStore.insert`).
enum UploadStore {
    /// The constraint that holds names to their limit; only the database knows how long one is once normalized.
    static let nameLimit = "uploads_name_limit"

    /// A name that is taken is looked for by the one index that has this collation.
    static let reserve: Statement = """
        WITH taken AS (
            SELECT id, name FROM files
             WHERE tenant COLLATE "C" = $3 AND owner COLLATE "C" = $4 AND name COLLATE "C" = normalize($5, NFC)
               AND state IN ('AVAILABLE', 'QUARANTINED')),
        reserved AS (
            INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, declared_size, declared_sha256,
                                 object_key, state, expires_at)
            SELECT $1, $2, $3, $4, normalize($5, NFC), $6, $7, $8, $9, 'PENDING',
                   clock_timestamp() + make_interval(secs => $10::bigint / 1000.0)
             WHERE NOT EXISTS (SELECT FROM taken))
        SELECT id, name FROM taken
        """
    private static let saveMultipartID: Statement = """
        WITH opened AS (
            INSERT INTO multipart_openings (upload_id, object_key, multipart_id)
            SELECT id, object_key, $2::text FROM uploads WHERE id = $1
        )
        UPDATE uploads SET s3_upload_id = $2, state = 'ACTIVE', updated_at = clock_timestamp()
         WHERE id = $1 AND s3_upload_id IS NULL AND state IN ('PENDING', 'ACTIVE')
        """
    private static let renew: Statement = """
        UPDATE uploads SET expires_at = clock_timestamp() + make_interval(secs => $2::bigint / 1000.0)
         WHERE id = $1 AND state IN ('PENDING', 'ACTIVE')
        """
    private static let doom: Statement = """
        UPDATE uploads SET state = $2, failure_reason = $3, updated_at = clock_timestamp()
         WHERE id = $1 AND (state IN ('PENDING', 'ACTIVE') OR state = 'COMPLETING' AND $2 = 'FAILED')
        RETURNING s3_upload_id, failure_reason, updated_at, first_version()
        """
    private static let discard: Statement = """
        SELECT s3_upload_id, failure_reason, updated_at, first_version() FROM uploads
         WHERE id = $1 AND state IN ('FAILED', 'ABORTED', 'EXPIRED') FOR UPDATE
        """
    /// Not while COMPLETING: only the completer can know what the store holds.
    private static let expire: Statement = """
        UPDATE uploads SET state = 'EXPIRED', failure_reason = $1, updated_at = clock_timestamp()
         WHERE state IN ('PENDING', 'ACTIVE') AND id = ANY (ARRAY(
               SELECT id FROM uploads
                WHERE state IN ('PENDING', 'ACTIVE') AND expires_at <= clock_timestamp()
                ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))
        RETURNING id, file_id, tenant, owner, object_key, s3_upload_id, failure_reason, updated_at, first_version()
        """
    private static let reap: Statement = """
        UPDATE uploads SET state = 'REAPED', updated_at = clock_timestamp()
         WHERE id = $1 AND file_id = $2 AND state IN ('FAILED', 'ABORTED', 'EXPIRED')
        """
    private static let lockState: Statement = "SELECT state FROM uploads WHERE id = $1 FOR UPDATE"

    /// Makes rows of those uploads whose names are free.
    ///
    /// - Parameter expiry: how long the upload may stay without progress.
    /// - Returns: of the others, that their name is taken, and by which file.
    static func reserve(
        _ uploads: [Upload],
        expiry: Duration,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [UUID: UploadFailure] {
        let results = try await tx.pipeline(
            uploads.map { upload in
                BoundStatement(
                    reserve,
                    upload.id,
                    upload.fileID,
                    upload.tenant,
                    upload.owner,
                    upload.name,
                    upload.contentType,
                    upload.declaredSize,
                    upload.declaredSHA256?.bytes,
                    upload.objectKey.text,
                    expiry.wholeMilliseconds
                )
            }
        )
        var taken: [UUID: UploadFailure] = [:]
        for (upload, rows) in zip(uploads, results) {
            guard let row = rows.first else { continue }
            taken[upload.id] = .nameTaken(name: try row.text(1), existing: try row.uuid(0))
        }
        return taken
    }

    /// Moves the deadline on, because there was progress, or its client asked for something.
    ///
    /// - Returns: false when the upload is over or being completed.
    static func renew(
        _ upload: UUID,
        expiry: Duration,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        try await pool.execute(renew, upload, expiry.wholeMilliseconds) == 1
    }

    /// The same; until the transaction ends nobody else changes the upload.
    static func renew(
        _ upload: UUID,
        expiry: Duration,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(renew, upload, expiry.wholeMilliseconds) == 1
    }

    /// Remembers the store's multipart id before the first part leaves.
    ///
    /// - Returns: false when the upload is over; the caller aborts its multipart upload.
    static func saveMultipartID(
        _ multipartID: String,
        of upload: UUID,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        try await pool.execute(saveMultipartID, upload, multipartID) == 1
    }

    /// How an upload ended that did not become a file.
    struct Discard {
        /// The store's multipart id, when one was recorded.
        let multipartID: String?
        let reason: String
        let at: Timestamp
        /// Of its event: the first of the present epoch, since there is no file that has one.
        let version: Int64

        /// - Parameter column: the first of four.
        fileprivate init(_ row: Row, from column: Int = 0) throws(DatabaseError) {
            multipartID = try row.optionalText(column)
            reason = try row.text(column + 1)
            at = try row.timestamp(column + 2)
            version = try row.int64(column + 3)
        }
    }

    /// - Returns: nil when the upload had ended before.
    static func doom(
        _ upload: UUID,
        _ doom: DoomedUpload,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Discard? {
        guard let row = try await tx.query(Self.doom, upload, doom.state.rawValue, doom.reason).first else {
            return nil
        }
        return try Discard(row)
    }

    /// Of an upload whose bytes are still to go; nil when they are gone, or when it is not doomed. Locks the row.
    static func discard(of upload: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> Discard?
    {
        guard let row = try await tx.query(discard, upload).first else { return nil }
        return try Discard(row)
    }

    /// Dooms uploads whose deadline has passed, those first that are overdue the longest.
    static func expire(
        reason: String,
        limit: Int,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [(upload: StoredUpload, discard: Discard)] {
        try await tx.query(expire, reason, limit).map { row throws(DatabaseError) in
            (try StoredUpload(row), try Discard(row, from: 5))
        }
    }

    /// - Returns: false when the upload is not doomed, or was reaped before.
    static func reap(
        _ upload: UUID,
        file: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(reap, upload, file) == 1
    }

    /// The state, with the row locked: a commit whose answer was lost has either happened or never will.
    static func lockState(
        of upload: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> UploadState? {
        guard let row = try await tx.query(lockState, upload).first else { return nil }
        return UploadState(rawValue: try row.text(0))
    }
}

extension StoredUpload {
    /// - Parameter row: begins with id, file_id, tenant, owner, object_key.
    init(_ row: Row) throws(DatabaseError) {
        self.init(
            uploadID: try row.uuid(0),
            fileID: try row.uuid(1),
            tenant: try row.text(2),
            owner: try row.text(3),
            objectKey: try row.text(4)
        )
    }
}
