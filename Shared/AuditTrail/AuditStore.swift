import Determinism
import Digests
import PostgresClient

/// Every statement that touches the audit trail.
enum AuditStore {
    private static let lockHead: Statement = "SELECT number, digest FROM audit_head FOR UPDATE"
    /// Read after the lock was had: records lie in the order of their times.
    private static let now: Statement = "SELECT clock_timestamp()"
    private static let insert: Statement = """
        INSERT INTO audit_entries
               (number, recorded_at, actor, action, subject, reason, before, after, digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """
    private static let moveHead: Statement = "UPDATE audit_head SET number = $1, digest = $2"
    private static let page: Statement = """
        SELECT number, recorded_at, actor, action, subject, reason, before, after, digest
          FROM audit_entries WHERE number > $1 ORDER BY number LIMIT $2
        """
    private static let pageOfSubject: Statement = """
        SELECT number, recorded_at, actor, action, subject, reason, before, after, digest
          FROM audit_entries WHERE number > $1 AND subject = $2 ORDER BY number LIMIT $3
        """
    private static let extent: Statement = """
        SELECT (SELECT number FROM audit_head), (SELECT digest FROM audit_head),
               (SELECT max(number) FROM audit_entries)
        """

    static func lockHead(
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> (number: Int64, digest: Digest256, now: Timestamp) {
        let answers = try await tx.pipeline([BoundStatement(lockHead), BoundStatement(now)])
        guard answers.count == 2, let head = answers[0].first, let clock = answers[1].first else {
            throw .unexpectedResult("audit_head has no row")
        }
        return (try head.int64(0), try digest(head.bytes(1)), try clock.timestamp(0))
    }

    /// Writes records that continue the locked head, and moves the head to the last of them.
    static func insert(_ records: [AuditRecord], in tx: borrowing Transaction) async throws(DatabaseError) {
        guard let last = records.last else { return }
        _ = try await tx.pipeline(
            records.map(insertion) + [BoundStatement(moveHead, last.number, last.digest.bytes)]
        )
    }

    private static func insertion(of record: AuditRecord) -> BoundStatement {
        BoundStatement(
            insert,
            record.number,
            record.recordedAt,
            record.entry.actor,
            record.entry.action,
            record.entry.subject,
            record.entry.reason,
            record.entry.before,
            record.entry.after,
            record.digest.bytes
        )
    }

    static func page(
        after number: Int64,
        subject: String?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [AuditRecord] {
        if let subject {
            return try await pool.query(pageOfSubject, number, subject, limit).map(record)
        }
        return try await pool.query(page, number, limit).map(record)
    }

    /// The head and the newest record, as one snapshot shows them.
    static func extent(
        on pool: PostgresPool
    ) async throws(DatabaseError) -> (head: AuditAnchor?, newest: Int64) {
        guard let row = try await pool.query(extent).first else { return (nil, 0) }
        let newest = try row.optionalInt64(2) ?? 0
        guard let number = try row.optionalInt64(0), let bytes = try row.optionalBytes(1) else {
            return (nil, newest)
        }
        return (AuditAnchor(count: number, digest: try digest(bytes)), newest)
    }

    private static func record(_ row: Row) throws(DatabaseError) -> AuditRecord {
        AuditRecord(
            number: try row.int64(0),
            recordedAt: try row.timestamp(1),
            entry: AuditEntry(
                actor: try row.text(2),
                action: try row.text(3),
                subject: try row.text(4),
                reason: try row.text(5),
                before: try row.optionalText(6),
                after: try row.optionalText(7)
            ),
            digest: try digest(row.bytes(8))
        )
    }

    private static func digest(_ bytes: [UInt8]) throws(DatabaseError) -> Digest256 {
        guard let digest = Digest256(bytes: bytes) else {
            throw .unexpectedResult("a digest of the audit trail is not 32 bytes long")
        }
        return digest
    }
}
