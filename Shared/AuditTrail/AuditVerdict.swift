public import Digests

/// Where a trail stood at some moment. Kept outside the database (a ticket, a log, a printout), it shows later whether what was
/// recorded up to then is still what it was.
///
/// A chain alone cannot tell that: who may write the tables may also compute all of it anew.
public struct AuditAnchor: Equatable, Sendable, CustomStringConvertible {
    public let count: Int64
    public let digest: Digest256

    public init(count: Int64, digest: Digest256) {
        self.count = count
        self.digest = digest
    }

    /// Reads `description`: the count, a colon, and 64 hexadecimal digits.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int64(parts[0]), count >= 0,
            let digest = Digest256(hex: String(parts[1]))
        else { return nil }
        self.init(count: count, digest: digest)
    }

    public var description: String { "\(count):\(digest.hex)" }
}

/// What a look at the whole trail found.
public struct AuditVerdict: Equatable, Sendable {
    /// How many records were read, up to the first that does not hold.
    public let count: Int64
    /// The number of the first record that is missing, altered, or not where it was; nil when all hold.
    public let brokenAt: Int64?
    /// What is wrong there, in words.
    public let defect: String?
    /// Where the trail stands; nil when it does not hold.
    public let anchor: AuditAnchor?

    public var isIntact: Bool { brokenAt == nil }

    static func intact(_ anchor: AuditAnchor) -> AuditVerdict {
        AuditVerdict(count: anchor.count, brokenAt: nil, defect: nil, anchor: anchor)
    }

    static func broken(at number: Int64, after count: Int64, _ defect: String) -> AuditVerdict {
        AuditVerdict(count: count, brokenAt: number, defect: defect, anchor: nil)
    }
}
