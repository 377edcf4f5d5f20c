import Determinism
import Digests
import EventContracts
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `files`. A move is a compare-and-set; a file that was not in the expected
/// state comes back as nil.
enum FileStore {
    private static let insert: Statement = """
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag,
                           state, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'AVAILABLE', 1, $11, $11)
        ON CONFLICT (tenant, owner, name) WHERE state IN ('AVAILABLE', 'QUARANTINED') DO NOTHING
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at
        """
    private static let find: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at
          FROM files WHERE id = $1 AND tenant = $2 AND owner = $3
        """
    private static let findByName: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at
          FROM files
         WHERE tenant = $1 AND owner = $2 AND name = normalize($3, NFC)
           AND state IN ('AVAILABLE', 'QUARANTINED')
        """
    private static let lock: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at
          FROM files WHERE id = $1 FOR UPDATE
        """
    private static let list: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at
          FROM files
         WHERE tenant = $1 AND owner = $2 AND state = $3 AND ($4::uuid IS NULL OR id < $4)
           AND ($5::text IS NULL OR starts_with(name, normalize($5, NFC)))
         ORDER BY id DESC LIMIT $6
        """
    private static let quarantine: Statement = """
        UPDATE files
           SET state = 'QUARANTINED', version = version + 1, quarantine_reason = $3, index_state = 'REJECTED',
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND version = $2 AND state = 'AVAILABLE'
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at
        """
    private static let finishPurge: Statement = """
        UPDATE files
           SET state = 'PURGED', version = version + 1,
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'PURGING'
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at
        """
    private static let delete: Statement = """
        UPDATE files
           SET state = 'DELETED', version = version + 1,
               delete_after = clock_timestamp() + make_interval(secs => $3::bigint / 1000.0),
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = $2
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at
        """
    private static let startPurge: Statement = """
        UPDATE files
           SET state = 'PURGING', version = version + 1,
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'DELETED' AND delete_after <= clock_timestamp() AND NOT legal_hold
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at
        """
    private static let setIndexState: Statement = """
        UPDATE files SET index_state = $3 WHERE id = $1 AND version >= $2 AND index_state <> $3
        """
    private static let restore: Statement = """
        UPDATE files AS f
           SET state = 'AVAILABLE', version = version + 1, delete_after = NULL, quarantine_reason = NULL,
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'DELETED' AND NOT EXISTS (
               SELECT 1 FROM files AS other
                WHERE other.tenant = f.tenant AND other.owner = f.owner AND other.name = f.name
                  AND other.state IN ('AVAILABLE', 'QUARANTINED'))
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at
        """
    private static let endRetention: Statement = """
        UPDATE files
           SET version = version + 1, delete_after = clock_timestamp(),
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'DELETED' AND delete_after > clock_timestamp()
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at
        """
    private static let page: Statement = """
        SELECT id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
               version, index_state, quarantine_reason, delete_after, created_at, updated_at
          FROM files WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2 FOR UPDATE
        """

    /// - Returns: nil when the owner already has a visible file of that name.
    static func insert(
        _ upload: Upload,
        name: String,
        object: TransferredObject,
        at instant: Timestamp,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        try await tx.query(
            insert,
            upload.fileID,
            upload.id,
            upload.tenant,
            upload.owner,
            name,
            upload.contentType,
            object.size,
            object.sha256.bytes,
            upload.objectKey.text,
            object.etag,
            instant
        ).first.map(file)
    }

    /// Another owner's file is not there.
    static func find(
        _ id: UUID,
        of owner: Owner,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> File? {
        try await pool.query(find, id, owner.tenant, owner.name).first.map(file)
    }

    /// The visible file of that name, compared in Unicode normalization form C.
    static func find(
        name: String,
        of owner: Owner,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> File? {
        try await pool.query(findByName, owner.tenant, owner.name, name).first.map(file)
    }

    /// The row stays locked until `tx` ends.
    static func lock(_ id: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> File? {
        try await tx.query(lock, id).first.map(file)
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

    /// Takes a file out of the trash; nil when the owner has a visible file of that name by now.
    static func restore(_ file: File, in tx: borrowing Transaction) async throws(DatabaseError) -> File? {
        do {
            return try await tx.query(restore, file.id).first.map(Self.file)
        } catch {
            // Somebody stored that name between our look and our write.
            if case .refused(_, _, constraint: "files_visible_name") = error { return nil }
            throw error
        }
    }

    /// Ends the time in which a deleted file can be restored; nil when it is over already.
    static func endRetention(
        of file: File,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        try await tx.query(endRetention, file.id).first.map(Self.file)
    }

    /// Files of all owners in the order of their ids, locked until `tx` ends.
    static func page(
        after id: UUID?,
        limit: Int,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [File] {
        try await tx.query(page, id, limit).map(file)
    }

    /// Takes a file whose bytes are not what was acknowledged out of service; nil when it has moved on.
    static func quarantine(
        _ id: UUID,
        version: Int64,
        reason: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        try await tx.query(quarantine, id, version, reason).first.map(file)
    }

    /// Makes the row a tombstone; nil when it is one already, or when its bytes are not to go.
    static func finishPurge(_ id: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> File? {
        try await tx.query(finishPurge, id).first.map(file)
    }

    /// Puts `file` in the trash until the database's clock has moved on by `retention`.
    static func delete(
        _ file: File,
        retention: Duration,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        try await tx.query(delete, file.id, file.state.rawValue, retention.wholeMilliseconds).first
            .map(Self.file)
    }

    /// The point of no return; nil when the file was restored, is on legal hold, or its time has not come.
    static func startPurge(_ id: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> File? {
        try await tx.query(startPurge, id).first.map(file)
    }

    /// What the indexer said of `version`; ignored when it speaks of a version from the future.
    static func setIndexState(
        _ state: IndexState,
        of id: UUID,
        version: Int64,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(setIndexState, id, version, state.rawValue)
    }

    private static func file(_ row: Row) throws(DatabaseError) -> File {
        guard let sha256 = Digest256(bytes: try row.bytes(7)),
            let objectKey = ObjectKey(try row.text(8)),
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
            sha256: sha256,
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
