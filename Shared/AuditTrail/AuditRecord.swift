public import Determinism
public import Digests

/// An entry as it lies in the trail.
public struct AuditRecord: Equatable, Sendable {
    /// 1, 2, 3 … without a gap.
    public let number: Int64
    /// The database's clock.
    public let recordedAt: Timestamp
    public let entry: AuditEntry
    /// Over this record and the digest of the one before it.
    public let digest: Digest256

    /// Continues a chain.
    init(_ entry: AuditEntry, number: Int64, recordedAt: Timestamp, after previous: Digest256) {
        self.init(
            number: number,
            recordedAt: recordedAt,
            entry: entry,
            digest: Self.digest(of: entry, number: number, recordedAt: recordedAt, after: previous)
        )
    }

    init(number: Int64, recordedAt: Timestamp, entry: AuditEntry, digest: Digest256) {
        self.number = number
        self.recordedAt = recordedAt
        self.entry = entry
        self.digest = digest
    }

    /// Whether the record says what was recorded, and follows the one whose digest is `previous`.
    func follows(_ previous: Digest256) -> Bool {
        digest == Self.digest(of: entry, number: number, recordedAt: recordedAt, after: previous)
    }

    /// SHA-256 over the previous digest and every field as a netstring, so that no two records have the same bytes:
    /// without the lengths, a character could move from the end of one field to the beginning of the next.
    ///
    /// Source: D. J. Bernstein, "Netstrings", 1997; Schneier and Kelsey, "Secure Audit Logs to Support Computer
    /// Forensics", 1999 (the chain).
    private static func digest(
        of entry: AuditEntry,
        number: Int64,
        recordedAt: Timestamp,
        after previous: Digest256
    ) -> Digest256 {
        var hasher = SHA256Hasher()
        hasher.update(previous.bytes)
        let fields = [
            String(number), String(recordedAt.microsecondsSinceEpoch),
            entry.actor, entry.action, entry.subject, entry.reason, entry.before, entry.after,
        ]
        for field in fields { hasher.update(netstring(field)) }
        return hasher.finalize()
    }

    /// `-` is no netstring: nothing and an empty text stay apart.
    private static func netstring(_ field: String?) -> [UInt8] {
        guard let field else { return Array("-,".utf8) }
        return Array("\(field.utf8.count):\(field),".utf8)
    }
}
