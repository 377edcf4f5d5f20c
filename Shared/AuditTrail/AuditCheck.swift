import Digests

/// Computes a chain anew while its records pass by in order. Pure: the same records, the same verdict.
struct AuditCheck {
    private let head: AuditAnchor
    private let anchor: AuditAnchor?
    private var digest = AuditCheck.genesis
    /// The number of the last record that held.
    private(set) var last: Int64 = 0
    private(set) var defect: String?

    /// What the first record follows.
    static let genesis = Digest256(bytes: [UInt8](repeating: 0, count: 32))

    init(head: AuditAnchor, anchor: AuditAnchor?) {
        self.head = head
        self.anchor = anchor
        if let anchor, anchor.count == 0, anchor.digest != digest {
            defect = "the anchor is not of this trail"
        }
    }

    /// Takes the next records; an empty page means that the head promises more than there is.
    mutating func take(_ page: [AuditRecord]) {
        if page.isEmpty { defect = "the record is missing" }
        for record in page where defect == nil && record.number <= head.count {
            take(record)
        }
    }

    private mutating func take(_ record: AuditRecord) {
        guard record.number == last + 1 else { return defect = "the record is missing" }
        guard let digest, record.follows(digest) else {
            return defect = "the record is not what was recorded, or not where it was"
        }
        if let anchor, anchor.count == record.number, anchor.digest != record.digest {
            return defect = "the record is another than when the anchor was taken"
        }
        self.digest = record.digest
        last = record.number
    }

    /// - Parameter newest: the highest number among the records, read together with the head.
    func verdict(newest: Int64) -> AuditVerdict {
        if let defect { return .broken(at: last + 1, after: last, defect) }
        if digest != head.digest {
            return .broken(at: last + 1, after: last, "the head is not that of these records")
        }
        if newest > head.count {
            return .broken(at: head.count + 1, after: last, "a record lies beyond the head")
        }
        if let anchor, anchor.count > last {
            return .broken(
                at: last + 1,
                after: last,
                "records are missing that were there when the anchor was taken"
            )
        }
        return .intact(head)
    }
}
