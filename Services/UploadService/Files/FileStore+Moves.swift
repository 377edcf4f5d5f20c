import Determinism
import Digests
import EventContracts
import PostgresClient

import struct FoundationEssentials.UUID

/// The moves of a file. Each is a compare-and-set; a file that was not in the expected state comes back as nil.
extension FileStore {
    private static let quarantine: Statement = """
        UPDATE files
           SET state = 'QUARANTINED', version = next_version(version), quarantine_reason = $3, index_state = 'REJECTED',
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND version = $2 AND state = 'AVAILABLE'
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let finishPurge: Statement = """
        UPDATE files
           SET state = 'PURGED', version = next_version(version),
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'PURGING'
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let delete: Statement = """
        UPDATE files
           SET state = 'DELETED', version = next_version(version),
               delete_after = clock_timestamp() + make_interval(secs => $3::bigint / 1000.0),
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = $2
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let startPurge: Statement = """
        UPDATE files
           SET state = 'PURGING', version = next_version(version),
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'DELETED' AND delete_after <= clock_timestamp() AND NOT legal_hold
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let renewPurge: Statement = """
        UPDATE files
           SET version = next_version(version),
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'PURGING' AND version < first_version()
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let markIndexed: Statement = """
        UPDATE files SET index_state = 'INDEXED', verified_sha256 = coalesce(verified_sha256, $3)
         WHERE id = $1 AND version = $2 AND index_state <> 'INDEXED'
           AND coalesce(sha256, verified_sha256, $3) = $3
        """
    private static let isContradicted: Statement = """
        SELECT 1 FROM files
         WHERE id = $1 AND version = $2 AND state = 'AVAILABLE' AND coalesce(sha256, verified_sha256) <> $3
        """
    private static let restore: Statement = """
        UPDATE files AS f
           SET state = 'AVAILABLE', version = next_version(version), delete_after = NULL, quarantine_reason = NULL,
               index_state = 'PENDING',
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'DELETED' AND (delete_after > clock_timestamp() OR legal_hold) AND NOT EXISTS (
               SELECT 1 FROM files AS other
                WHERE other.tenant COLLATE "C" = f.tenant AND other.owner COLLATE "C" = f.owner
                  AND other.name COLLATE "C" = f.name AND other.state IN ('AVAILABLE', 'QUARANTINED'))
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let release: Statement = """
        UPDATE files
           SET state = 'AVAILABLE', version = next_version(version), quarantine_reason = NULL, index_state = 'PENDING',
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND version = $2 AND state = 'QUARANTINED'
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """
    private static let isRetentionOver: Statement =
        "SELECT 1 FROM files WHERE id = $1 AND delete_after <= clock_timestamp() AND NOT legal_hold"
    private static let endRetention: Statement = """
        UPDATE files
           SET version = next_version(version), delete_after = clock_timestamp(),
               updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
         WHERE id = $1 AND state = 'DELETED' AND delete_after > clock_timestamp()
        RETURNING id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                  version, index_state, quarantine_reason, delete_after, created_at, updated_at, verified_sha256
        """

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

    /// Says once more, under the present epoch, that the bytes have to go; nil when that was said, or the file is not PURGING.
    static func renewPurge(_ id: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> File? {
        try await tx.query(renewPurge, id).first.map(file)
    }

    /// Takes in that the indexer read `version` and computed `digest`, which stays if it is the first that is known.
    /// Ignored when the file has moved on: it is looked at again after a restore.
    ///
    /// - Returns: false when another digest was known: nothing was written, and the bytes are not what they were.
    static func markIndexed(
        _ id: UUID,
        version: Int64,
        digest: Digest256,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        if try await tx.execute(markIndexed, id, version, digest.bytes) == 1 { return true }
        return try await tx.query(isContradicted, id, version, digest.bytes).isEmpty
    }

    /// Whether the file's bytes may go at any moment, or are gone.
    static func isRetentionOver(_ id: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> Bool
    {
        try await !tx.query(isRetentionOver, id).isEmpty
    }

    /// Takes a file out of the trash; nil when its time there is over, or the owner has a visible file of that name.
    static func restore(_ file: File, in tx: borrowing Transaction) async throws(DatabaseError) -> File? {
        do {
            return try await tx.query(restore, file.id).first.map(Self.file)
        } catch {
            // Somebody stored that name between our look and our write.
            if case .refused(_, _, constraint: "files_name_lookup") = error { return nil }
            throw error
        }
    }

    /// Lets a file out of quarantine; nil when it has moved on.
    static func release(_ file: File, in tx: borrowing Transaction) async throws(DatabaseError) -> File? {
        try await tx.query(release, file.id, file.version).first.map(Self.file)
    }

    /// Ends the time in which a deleted file can be restored; nil when it is over already.
    static func endRetention(
        of file: File,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> File? {
        try await tx.query(endRetention, file.id).first.map(Self.file)
    }
}
