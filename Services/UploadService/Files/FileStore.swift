import Determinism
import Digests
import EventContracts
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `files`, but for the looks at a name (`UploadStore.reserve`, `.open`): here what finds and makes rows, in
/// `FileStore+Moves` what changes their state.
enum FileStore {
    private static let insert: Statement = """
        WITH completed AS (
            UPDATE uploads SET state = 'COMPLETED', updated_at = clock_timestamp()
             WHERE id = $2 AND state IN ('PENDING', 'ACTIVE', 'COMPLETING')
            RETURNING name, updated_at)
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag,
                           state, version, created_at, updated_at)
        SELECT $1, $2, $3, $4, name, $5, $6, $7, $8, $9, 'AVAILABLE', first_version(), updated_at, updated_at
          FROM completed
        ON CONFLICT (tenant, owner, name) WHERE state IN ('AVAILABLE', 'QUARANTINED') DO NOTHING
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    /// By the one index that has this collation.
    static let findByName: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
          FROM files
         WHERE tenant COLLATE "C" = $1 AND owner COLLATE "C" = $2 AND name COLLATE "C" = normalize($3, NFC)
           AND state IN ('AVAILABLE', 'QUARANTINED')
        """
    private static let findAll: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
          FROM files WHERE id = ANY ($1::uuid[])
        """
    private static let lock: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
          FROM files WHERE id = $1 FOR UPDATE
        """
    private static let lockOfOwner: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
          FROM files WHERE id = $1 AND (tenant, owner) IS NOT DISTINCT FROM ($2, $3) FOR UPDATE
        """
    private static let list: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
          FROM files
         WHERE tenant = $1 AND owner = $2 AND state = $3 AND ($4::uuid IS NULL OR id < $4)
           AND ($5::text IS NULL OR starts_with(name, normalize($5, NFC)))
         ORDER BY id DESC LIMIT $6
        """

    /// Completes uploads and makes their files, each at one instant and in one statement.
    ///
    /// - Returns: fewer when an upload is already completed or doomed; or when the owner already has a visible file of that
    ///   name, and then the upload is completed without a file, which must roll back.
    static func insert(
        _ uploads: [(Upload, TransferredObject)],
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [File] {
        let insertions = uploads.map { upload, object in
            BoundStatement(
                insert,
                upload.fileID,
                upload.id,
                upload.tenant,
                upload.owner,
                upload.contentType,
                object.size,
                object.sha256?.bytes,
                upload.objectKey.text,
                object.etag
            )
        }
        var files: [File] = []
        for rows in try await tx.pipeline(insertions) {
            for row in rows { files.append(try file(row)) }
        }
        return files
    }

    /// The question for files, of whomever, for whoever asks something else with it.
    static func finding(_ ids: [UUID]) -> BoundStatement { BoundStatement(findAll, ids) }

    /// What `finding` was answered. A row that cannot be read fails its own file, no other.
    static func files(_ rows: Rows) throws(DatabaseError) -> [UUID: Result<File, DatabaseError>] {
        var files: [UUID: Result<File, DatabaseError>] = [:]
        for row in rows {
            files[try row.uuid(0)] = Result { () throws(DatabaseError) in try file(row) }
        }
        return files
    }

    /// The visible file of that name, compared in Unicode normalization form C.
    static func find(
        name: String,
        of owner: Owner,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> File? {
        try await pool.query(findByName, owner.tenant, owner.name, name).first.map(file)
    }

    /// Of whomever, in no order.
    static func find(_ ids: [UUID], on pool: PostgresPool) async throws(DatabaseError) -> [File] {
        try await pool.query(findAll, ids).map(file)
    }

    /// The row stays locked until `tx` ends.
    static func lock(_ id: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> File? {
        try await tx.query(lock, id).first.map(file)
    }

    /// Another owner's row is neither found nor locked: nobody can tell by waiting that it exists.
    static func lock(
        _ id: UUID,
        of owner: Owner,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        try await tx.query(lockOfOwner, id, owner.tenant, owner.name).first.map(file)
    }

    /// Newest first.
    ///
    /// - Parameter before: only files older than this one, the last of the page before.
    static func list(
        of owner: Owner,
        state: FileState,
        namePrefix: String?,
        before: UUID?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [File] {
        let rows = try await pool.query(
            list,
            owner.tenant,
            owner.name,
            state.rawValue,
            before,
            namePrefix,
            limit
        )
        var files: [File] = []
        for row in rows { files.append(try file(row)) }
        return files
    }

    /// Reads the columns every statement selects, in their order.
    static func file(_ row: Row) throws(DatabaseError) -> File {
        guard let objectKey = ObjectKey(try row.text(8)),
            let state = FileState(rawValue: try row.text(10)),
            let indexState = IndexState(rawValue: try row.text(12))
        else { throw .unexpectedResult("a row of files has a value this program does not know") }
        return File(
            id: try row.uuid(0),
            uploadID: try row.uuid(1),
            tenant: try row.text(2),
            owner: try row.text(3),
            name: try row.text(4),
            contentType: try row.text(5),
            size: try row.int64(6),
            sha256: try row.optionalBytes(7).flatMap(Digest256.init(bytes:)),
            verifiedSHA256: try row.optionalBytes(17).flatMap(Digest256.init(bytes:)),
            objectKey: objectKey,
            etag: try row.text(9),
            state: state,
            version: try row.int64(11),
            indexState: indexState,
            quarantineReason: try row.optionalText(13),
            deleteAfter: try row.optionalTimestamp(14),
            createdAt: try row.timestamp(15),
            updatedAt: try row.timestamp(16)
        )
    }
}
