/// What was compared of a range since its progress was saved last.
struct RangeSlice {
    /// A slice is looked at again and saved after so many pairings, or when it has so many candidates or files to hash.
    private static let pairingLimit = 20_000
    private static let candidateLimit = 256
    private static let digestLimit = 64

    // For each key; what is rare is counted by name.
    private(set) var (pairingCount, objectCount, rowCount) = (0, 0, 0)
    /// Of the rows, one over the other.
    private(set) var digest: Int64 = 0
    private(set) var candidates: [Candidate] = []
    var toHash: [ObjectListing.Object] = []
    var counts: [CountName: Int] = [:]

    var isFull: Bool {
        pairingCount >= Self.pairingLimit || candidates.count >= Self.candidateLimit
            || toHash.count >= Self.digestLimit
    }

    /// Takes objects that agree with their rows.
    mutating func take(_ objects: ArraySlice<ObjectListing.Object>, _ rows: RowsSummary) {
        pairingCount += max(objects.count, rows.count)
        objectCount += objects.count
        rowCount += rows.count
        digest ^= rows.digest
        counts[.quarantined, default: 0] += rows.quarantinedCount
    }

    /// Takes what is there under one key.
    ///
    /// - Returns: the object when nothing is wrong with it.
    mutating func take(_ pairing: Pairing<ObjectListing.Object, RowFacts>) -> ObjectListing.Object? {
        pairingCount += 1
        var paired: ObjectListing.Object?
        switch pairing {
        case .left: objectCount += 1
        case .right(let row): count(row)
        case .both(let object, let row):
            objectCount += 1
            count(row)
            paired = object
        }
        guard let candidate = Candidate(pairing) else { return paired }
        candidates.append(candidate)
        return nil
    }

    private mutating func count(_ row: RowFacts) {
        rowCount += 1
        digest ^= row.digest
        if row.file?.state == .quarantined { counts[.quarantined, default: 0] += 1 }
    }
}
