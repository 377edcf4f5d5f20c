/// Something that looked wrong once. It is a finding only after it was looked at again.
struct Candidate: Sendable {
    let key: KeyText
    let kind: FindingKind
    let object: ObjectState?
    let row: RowFacts?
    /// The object's bytes were read and have another digest, whatever its ETag says.
    var isByBytes = false

    /// Nil when nothing is wrong.
    init?(_ pairing: Pairing<ObjectListing.Object, RowFacts>) {
        switch pairing {
        case .left(let object): self.init(object.key, object.state, nil)
        case .right(let row): self.init(row.key, nil, row)
        case .both(let object, let row): self.init(object.key, object.state, row)
        }
    }

    private init?(_ key: KeyText, _ object: ObjectState?, _ row: RowFacts?) {
        guard let verdict = Verdict(key, object, row) else { return nil }
        self.key = key
        self.object = object
        self.row = row
        kind = verdict.kind
    }

    /// Of a file whose bytes, read back, are not those that were stored.
    init(otherBytesOf object: ObjectListing.Object, _ row: RowFacts) {
        key = row.key
        kind = .digestMismatch
        self.object = object.state
        self.row = row
        isByBytes = true
    }

    /// What is wrong with what was seen later; nil when it is no longer this.
    func verdict(_ object: ObjectState?, _ row: RowFacts?) -> Verdict? {
        if isByBytes {
            guard let object, let file = row?.file, [.available, .deleted].contains(file.state),
                object.size == file.size
            else { return nil }
            return Verdict(kind: .digestMismatch, detail: "")
        }
        guard let verdict = Verdict(key, object, row), verdict.kind == kind else { return nil }
        return verdict
    }
}
