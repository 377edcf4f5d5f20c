import Determinism
import Digests
import EventContracts
import ObjectStore
import PostgresClient

import struct FoundationEssentials.UUID

/// The statements about uploads that have a part plan.
extension UploadStore {
    /// Who asks again for a session is not told that its file has the name by now.
    static let open: Statement = """
        WITH taken AS (
            SELECT id, name FROM files
             WHERE tenant COLLATE "C" = $3 AND owner COLLATE "C" = $4 AND name COLLATE "C" = normalize($5, NFC)
               AND state IN ('AVAILABLE', 'QUARANTINED') AND NOT EXISTS (SELECT FROM uploads WHERE id = $1)),
        opened AS (
            INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, declared_size, declared_sha256,
                                 object_key, part_size, part_count, checksum_kind, state, open_count, expires_at)
            SELECT $1, $2, $3, $4, normalize($5, NFC), $6, $7, $8, $9, $10, $11, $12, 'PENDING', 1,
                   clock_timestamp() + make_interval(secs => $13::bigint / 1000.0)
             WHERE NOT EXISTS (SELECT FROM taken)
            ON CONFLICT (id) DO NOTHING RETURNING id, object_key),
        noted AS (
            INSERT INTO multipart_openings (upload_id, object_key) SELECT id, object_key FROM opened RETURNING id)
        SELECT id, NULL, NULL FROM noted UNION ALL SELECT NULL, id, name FROM taken
        """
    private static let session: Statement = """
        SELECT id, file_id, tenant, owner, name, content_type, declared_size, declared_sha256, object_key, part_size,
               state, s3_upload_id, open_count, failure_reason, attempts, expires_at, created_at, updated_at, checksum_kind
          FROM uploads WHERE id = $1 AND part_size IS NOT NULL
        """
    private static let sessions: Statement = """
        SELECT id, file_id, tenant, owner, name, content_type, declared_size, declared_sha256, object_key, part_size,
               state, s3_upload_id, open_count, failure_reason, attempts, expires_at, created_at, updated_at, checksum_kind
          FROM uploads
         WHERE tenant = $1 AND owner = $2 AND part_size IS NOT NULL AND ($3::text IS NULL OR state = $3)
           AND ($4::uuid IS NULL OR (created_at, id) < (
               SELECT created_at, id FROM uploads WHERE id = $4 AND tenant = $1 AND owner = $2))
         ORDER BY created_at DESC, id DESC LIMIT $5
        """
    private static let noteOpening: Statement = """
        WITH asked AS (
            UPDATE uploads SET open_count = open_count + 1 WHERE id = $1 AND state IN ('PENDING', 'ACTIVE')
            RETURNING id, object_key
        )
        INSERT INTO multipart_openings (upload_id, object_key) SELECT id, object_key FROM asked RETURNING id
        """
    /// Whoever loses has opened one all the same.
    private static let keepMultipartID: Statement = """
        WITH opened AS (UPDATE multipart_openings SET multipart_id = $2 WHERE id = $3)
        UPDATE uploads SET s3_upload_id = $2, updated_at = clock_timestamp()
         WHERE id = $1 AND s3_upload_id IS NULL AND state IN ('PENDING', 'ACTIVE')
        """
    private static let dropMultipartID: Statement = """
        UPDATE uploads SET s3_upload_id = NULL, lost_since = NULL, seen_part_count = 0, updated_at = clock_timestamp()
         WHERE id = $1 AND s3_upload_id = $2 AND state IN ('PENDING', 'ACTIVE')
        """
    private static let noteBytes: Statement = """
        UPDATE uploads SET state = 'ACTIVE', updated_at = clock_timestamp(),
                           lost_since = CASE WHEN $3::boolean THEN NULL ELSE lost_since END,
                           expires_at = clock_timestamp() + make_interval(secs => $2::bigint / 1000.0)
         WHERE id = $1 AND state IN ('PENDING', 'ACTIVE')
        """
    private static let noteSeenParts: Statement = """
        UPDATE uploads SET state = 'ACTIVE', seen_part_count = $2, lost_since = NULL, updated_at = clock_timestamp(),
                           expires_at = clock_timestamp() + make_interval(secs => $3::bigint / 1000.0)
         WHERE id = $1 AND state IN ('PENDING', 'ACTIVE')
           AND (seen_part_count < $2 OR lost_since IS NOT NULL AND $2 > 0)
        """

    /// What became of the wish to open a session.
    enum Opened {
        case new(UploadSession, opening: Int64)
        /// One of that id, of anybody.
        case known(UploadSession)
        case nameTaken(name: String, existing: UUID)
        /// By an upload that is no session.
        case idTaken
    }

    /// Makes the row, unless the name is taken: nobody shall send terabytes for that; and notes the first opening, as `noteOpening` does.
    static func open(
        _ upload: Upload,
        _ plan: PartPlan,
        _ checksum: PartChecksum.Kind?,
        expiry: Duration,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Opened {
        let opening = BoundStatement(
            open,
            upload.id,
            upload.fileID,
            upload.tenant,
            upload.owner,
            upload.name,
            upload.contentType,
            upload.declaredSize,
            upload.declaredSHA256?.bytes,
            upload.objectKey.text,
            plan.partSize,
            plan.partCount,
            checksum?.rawValue,
            expiry.wholeMilliseconds
        )
        let results = try await pool.pipeline([opening, BoundStatement(session, upload.id)])
        let answer = results.first?.first
        if let found = try results.last?.first.map(session) {
            guard let opening = try answer?.optionalInt64(0) else { return .known(found) }
            return .new(found, opening: opening)
        }
        guard let answer else { return .idTaken }
        return .nameTaken(name: try answer.text(2), existing: try answer.uuid(1))
    }

    static func session(_ id: UUID, on pool: PostgresPool) async throws(DatabaseError) -> UploadSession? {
        try await pool.query(session, id).first.map(session)
    }

    /// Another owner's session is not there.
    static func session(_ id: UUID, of owner: Owner, on pool: PostgresPool) async throws(DatabaseError)
        -> UploadSession?
    {
        guard let found = try await session(id, on: pool), found.owner == owner else { return nil }
        return found
    }

    /// Newest first.
    ///
    /// - Parameter before: only sessions older than this one, the last of the page before.
    static func sessions(
        of owner: Owner,
        state: UploadState?,
        before: UUID?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [UploadSession] {
        try await pool.query(sessions, owner.tenant, owner.name, state?.rawValue, before, limit).map(session)
    }

    /// To be committed before the store is asked, so that a multipart upload whose id got lost is looked for later.
    ///
    /// - Returns: the opening; nil when the session is over.
    static func noteOpening(of id: UUID, on pool: PostgresPool) async throws(DatabaseError) -> Int64? {
        try await pool.query(noteOpening, id).first?.int64(0)
    }

    /// - Returns: the session; nil when it is over, or has another one.
    static func keepMultipartID(
        _ multipartID: String,
        of id: UUID,
        opening: Int64,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> UploadSession? {
        let results = try await pool.pipeline([
            BoundStatement(keepMultipartID, id, multipartID, opening), BoundStatement(session, id),
        ])
        guard results.first?.affectedRowCount == 1 else { return nil }
        guard let row = results.last?.first else { throw .unexpectedResult("the session is not there") }
        return try session(row)
    }

    /// The store no longer knows it: a new one may be opened.
    static func dropMultipartID(
        _ multipartID: String,
        of id: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(dropMultipartID, id, multipartID) == 1
    }

    /// Bytes are arriving, or about to: the session is active, and its deadline moves on.
    ///
    /// - Parameter areStored: the store took them, so it knows the multipart upload.
    /// - Returns: false when the session is over or being completed.
    static func noteBytes(
        of id: UUID,
        expiry: Duration,
        areStored: Bool = false,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(noteBytes, id, expiry.wholeMilliseconds, areStored) == 1
    }

    /// Parts that went straight to the store were seen there. More than before is progress.
    static func noteSeenParts(
        _ count: Int,
        of id: UUID,
        expiry: Duration,
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        _ = try await pool.execute(noteSeenParts, id, count, expiry.wholeMilliseconds)
    }

    private static func session(_ row: Row) throws(DatabaseError) -> UploadSession {
        guard let objectKey = ObjectKey(try row.text(8)), let state = UploadState(rawValue: try row.text(10)),
            let plan = PartPlan(stored: try row.int64(6), partSize: try row.int64(9))
        else { throw .unexpectedResult("a row of uploads has a value this program does not know") }
        return UploadSession(
            upload: Upload(
                id: try row.uuid(0),
                fileID: try row.uuid(1),
                tenant: try row.text(2),
                owner: try row.text(3),
                name: try row.text(4),
                contentType: try row.text(5),
                declaredSize: plan.size,
                declaredSHA256: try row.optionalBytes(7).flatMap { Digest256(bytes: $0) },
                objectKey: objectKey
            ),
            plan: plan,
            checksum: try row.optionalText(18).flatMap(PartChecksum.Kind.init),
            state: state,
            multipartID: try row.optionalText(11),
            openCount: try row.int(12),
            failureReason: try row.optionalText(13),
            attempts: try row.textArray(14),
            expiresAt: try row.timestamp(15),
            createdAt: try row.timestamp(16),
            updatedAt: try row.timestamp(17)
        )
    }
}
