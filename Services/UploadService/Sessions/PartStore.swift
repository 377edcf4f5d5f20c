import Determinism
import Digests
import ObjectStore
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `upload_parts`.
enum PartStore {
    /// A part that is stored, or being received by somebody else, is not claimed.
    private static let claim: Statement = """
        INSERT INTO upload_parts AS part (upload_id, number, claim, claimed_until)
        VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::bigint / 1000.0))
        ON CONFLICT (upload_id, number) DO UPDATE SET claim = EXCLUDED.claim, claimed_until = EXCLUDED.claimed_until
         WHERE part.sha256 IS NULL AND (part.claim IS NULL OR part.claimed_until <= clock_timestamp())
        """
    private static let renew: Statement = """
        UPDATE upload_parts SET claimed_until = clock_timestamp() + make_interval(secs => $4::bigint / 1000.0)
         WHERE upload_id = $1 AND number = $2 AND claim = $3
        """
    private static let record: Statement = """
        UPDATE upload_parts SET claim = NULL, claimed_until = NULL, checksum = NULL, sha256 = $4, etag = $5
         WHERE upload_id = $1 AND number = $2 AND claim = $3
        """
    private static let release: Statement = """
        UPDATE upload_parts SET claim = NULL, claimed_until = NULL
         WHERE upload_id = $1 AND number = $2 AND claim = $3
        """
    private static let digest: Statement =
        "SELECT sha256 FROM upload_parts WHERE upload_id = $1 AND number = $2"
    private static let bind: Statement = """
        INSERT INTO upload_parts AS part (upload_id, number, checksum)
        SELECT $1, number, checksum FROM unnest($2::bigint[], $3::text[]) AS new (number, checksum)
        ON CONFLICT (upload_id, number) DO UPDATE SET checksum = EXCLUDED.checksum WHERE part.sha256 IS NULL
        """
    private static let ledger: Statement = """
        SELECT number, sha256, etag, checksum, claim IS NOT NULL AND claimed_until > clock_timestamp()
          FROM upload_parts WHERE upload_id = $1 ORDER BY number
        """
    private static let doubt: Statement = """
        UPDATE upload_parts SET sha256 = NULL WHERE upload_id = $1 AND number = ANY ($2::bigint[]) AND claim IS NULL
        """
    private static let expectAnew: Statement = """
        UPDATE upload_parts SET etag = NULL
         WHERE upload_id = $1 AND number = ANY ($2::bigint[]) AND sha256 IS NULL AND etag IS NOT NULL
        """
    private static let freeze: Statement = """
        INSERT INTO upload_parts (upload_id, number, etag, checksum)
        SELECT $1, number, etag, checksum
          FROM unnest($2::bigint[], $3::text[], $4::text[]) AS new (number, etag, checksum)
        ON CONFLICT (upload_id, number) DO UPDATE SET etag = EXCLUDED.etag, checksum = EXCLUDED.checksum
        """
    private static let frozen: Statement = """
        SELECT number, etag, checksum FROM upload_parts WHERE upload_id = $1 AND etag IS NOT NULL ORDER BY number
        """
    private static let remove: Statement = "DELETE FROM upload_parts WHERE upload_id = $1"

    /// The right to send one part's bytes, for as long as it is renewed.
    struct Claim: Sendable {
        let upload: UUID
        let number: Int
        let id: UUID
    }

    /// - Returns: false when the part is stored, or somebody else is sending it.
    static func claim(
        _ claim: Claim,
        lease: Duration,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(Self.claim, claim.upload, claim.number, claim.id, lease.wholeMilliseconds) == 1
    }

    /// - Returns: false when the claim is somebody else's by now.
    static func renew(_ claim: Claim, lease: Duration, on pool: PostgresPool) async throws(DatabaseError)
        -> Bool
    {
        try await pool.execute(renew, claim.upload, claim.number, claim.id, lease.wholeMilliseconds) == 1
    }

    /// - Returns: false when the claim is somebody else's by now: the part counts as not stored.
    static func record(
        _ claim: Claim,
        sha256: Digest256,
        etag: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(record, claim.upload, claim.number, claim.id, sha256.bytes, etag) == 1
    }

    static func release(_ claim: Claim, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(release, claim.upload, claim.number, claim.id)
    }

    /// Of a part this service has stored.
    static func digest(
        of number: Int,
        of upload: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Digest256? {
        try await tx.query(digest, upload, number).first?.optionalBytes(0).flatMap { Digest256(bytes: $0) }
    }

    /// Remembers what presigned URLs are bound to, so that what arrives can be held to it, and to nothing that came before. The
    /// row of the upload must be locked: once the list is frozen it must not change.
    static func expect(
        _ wanted: [WantedURL],
        of upload: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(expectAnew, upload, wanted.map { Int64($0.number) })
        let checksums = wanted.compactMap { part in part.checksum.map { (number: part.number, checksum: $0) }
        }
        guard !checksums.isEmpty else { return }
        try await tx.execute(
            bind,
            upload,
            checksums.map { Int64($0.number) },
            checksums.map(\.checksum.ledgerText)
        )
    }

    static func ledger(of upload: UUID, on pool: PostgresPool) async throws(DatabaseError) -> [LedgerPart] {
        try await pool.query(ledger, upload).map(ledgerPart)
    }

    static func ledger(of upload: UUID, in tx: borrowing Transaction) async throws(DatabaseError)
        -> [LedgerPart]
    {
        try await tx.query(ledger, upload).map(ledgerPart)
    }

    private static func ledgerPart(_ row: Row) throws(DatabaseError) -> LedgerPart {
        LedgerPart(
            number: try row.int(0),
            sha256: try row.optionalBytes(1).flatMap { Digest256(bytes: $0) },
            etag: try row.optionalText(2),
            checksum: try row.optionalText(3).flatMap(PartChecksum.init(ledger:)),
            isArriving: try row.bool(4)
        )
    }

    /// What the store does not hold as this service left it may be sent again. What it ought to be stays: until then the part is
    /// wrong, however often it is looked at. The row of the upload must be locked.
    static func doubt(
        _ numbers: [Int],
        of upload: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(doubt, upload, numbers.map(Int64.init))
    }

    /// From now on these parts and no others make the object.
    static func freeze(
        _ parts: [CompletedPart],
        of upload: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            freeze,
            upload,
            parts.map { Int64($0.number) },
            parts.map(\.etag),
            parts.map { $0.checksum?.ledgerText }
        )
    }

    static func frozen(_ upload: UUID, on pool: PostgresPool) async throws(DatabaseError) -> [CompletedPart] {
        try await pool.query(frozen, upload).map { row throws(DatabaseError) in
            CompletedPart(
                number: try row.int(0),
                etag: try row.text(1),
                checksum: try row.optionalText(2).flatMap(PartChecksum.init(ledger:))
            )
        }
    }

    static func remove(_ upload: UUID, in tx: borrowing Transaction) async throws(DatabaseError) {
        try await tx.execute(remove, upload)
    }
}

extension PartChecksum {
    /// As `PartStore.bind` writes it.
    fileprivate var ledgerText: String { "\(kind.rawValue):\(base64)" }

    fileprivate init?(ledger text: String) {
        let halves = text.split(separator: ":", maxSplits: 1)
        guard halves.count == 2, let kind = Kind(rawValue: String(halves[0])) else { return nil }
        self.init(kind, base64: String(halves[1]))
    }
}
