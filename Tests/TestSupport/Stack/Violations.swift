/// An invariant that does not hold.
public struct Violation: Equatable, Sendable, CustomStringConvertible {
    /// Its number in the list of invariants, as `I7`.
    public let invariant: String
    /// The file, object key or event it was seen at.
    public let key: String
    public let seen: String

    init(_ invariant: String, _ key: String, _ seen: String) {
        self.invariant = invariant
        self.key = key
        self.seen = seen
    }

    public var description: String { "\(invariant) \(key): \(seen)" }
}

extension Evidence {
    /// Everything that does not hold. Meaningful once the stack is quiet.
    public var violations: [Violation] {
        let index = BucketIndex(self)
        return objectViolations(index) + rowViolations + removalViolations(index) + promiseViolations
            + eventViolations + copyViolations + historyViolations + documentViolations + consumerViolations
    }
}

/// The evidence by key.
struct BucketIndex {
    let objects: [String: BucketObject]
    let uploadOfKey: [String: UploadRow]
    let fileOfKey: [String: FileRow]

    init(_ evidence: Evidence) {
        objects = Dictionary(evidence.objects.map { ($0.key, $0) }) { first, _ in first }
        uploadOfKey = Dictionary(evidence.uploads.map { ($0.objectKey, $0) }) { first, _ in first }
        fileOfKey = Dictionary(evidence.files.map { ($0.objectKey, $0) }) { first, _ in first }
    }

    /// Whether nobody may want the bytes under `key` any more.
    func isDoomed(_ key: String) -> Bool {
        if let file = fileOfKey[key] { return file.state == "PURGING" || file.state == "PURGED" }
        return uploadOfKey[key]?.isDoomed ?? false
    }
}
