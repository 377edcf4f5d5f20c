import Determinism
import ObjectStore
import PostgresClient

/// Compares the objects and the rows of one range of keys: one listing and one pass over the rows, and no question about a
/// single object but those that look wrong.
struct RangePart: CheckPart {
    let name: String
    let tools: CheckTools
    /// The share of the objects that are read back and hashed, 0 to 1.
    let digestShare: Double

    /// A slice is looked at again and saved after so many pairings, or when it has so many candidates or files to hash.
    private static let pairingLimit = 20_000
    private static let candidateLimit = 256
    private static let digestLimit = 64

    typealias Save = @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void

    func run(from start: PartProgress, save: Save) async throws(CheckFailure) {
        var progress = start
        if start.cursor == nil { progress.rows = .empty }
        let after = (start.cursor ?? start.lower).map(KeyText.init)
        let upTo = start.upper.map(KeyText.init)
        let since = try await asked { () throws(DatabaseError) in
            try await ComparisonStore.now(on: tools.pool)
        }
        var comparison = Compare(
            ObjectListing(after: after, upTo: upTo, budget: tools.budget, list: tools.list),
            RowPages(after: after, upTo: upTo, on: tools.pool),
            leftKey: \.key,
            rightKey: \.key
        )
        var slice = Slice()
        var notedMarkerCount = 0
        while let (pairings, last) = try await comparison.next() {
            for pairing in pairings { take(pairing, &slice) }
            slice.last = last
            guard
                slice.pairingCount >= Self.pairingLimit || slice.candidates.count >= Self.candidateLimit
                    || slice.toHash.count >= Self.digestLimit
            else { continue }
            slice.counts[.markers] = comparison.leftSource.markerCount - notedMarkerCount
            notedMarkerCount = comparison.leftSource.markerCount
            try await close(&slice, since, &progress, save)
        }
        slice.counts[.markers] = comparison.leftSource.markerCount - notedMarkerCount
        progress.isDone = true
        try await close(&slice, since, &progress, save)
    }

    /// What was read since progress was saved last.
    private struct Slice {
        // For each key; what is rare is counted by name.
        var (pairingCount, objectCount, rowCount) = (0, 0, 0)
        /// Of the rows, one over the other.
        var digest: Int64 = 0
        var candidates: [Candidate] = []
        var toHash: [(object: ObjectListing.Object, row: RowFacts)] = []
        var counts: [CountName: Int] = [:]
        var last: KeyText?
    }

    private func take(_ pairing: Pairing<ObjectListing.Object, RowFacts>, _ slice: inout Slice) {
        slice.pairingCount += 1
        switch pairing {
        case .left: slice.objectCount += 1
        case .right(let row): count(row, &slice)
        case .both(_, let row):
            slice.objectCount += 1
            count(row, &slice)
        }
        if let candidate = Candidate(pairing) {
            slice.candidates.append(candidate)
        } else if case .both(let object, let row) = pairing {
            considerHashing(object, row, &slice)
        }
    }

    private func count(_ row: RowFacts, _ slice: inout Slice) {
        slice.rowCount += 1
        slice.digest ^= row.digest
        if row.file?.state == .quarantined { slice.counts[.quarantined, default: 0] += 1 }
    }

    /// Of an object with which nothing seems wrong: what differs in size or ETag is looked at anyway.
    private func considerHashing(_ object: ObjectListing.Object, _ row: RowFacts, _ slice: inout Slice) {
        guard digestShare > 0, let file = row.file, [.available, .deleted].contains(file.state),
            digestShare >= 1 || Double(tools.random.uniform(below: 1 << 32)) < digestShare * 4_294_967_296
        else { return }
        guard file.sha256 != nil else {
            slice.counts[.unverifiable, default: 0] += 1
            return
        }
        slice.toHash.append((object, row))
    }

    private func close(
        _ slice: inout Slice,
        _ since: Timestamp,
        _ progress: inout PartProgress,
        _ save: Save
    ) async throws(CheckFailure) {
        let others = try await otherBytes(slice.toHash, &progress)
        let outcome = try await tools.recheck.settle(slice.candidates + others, listedSince: since)
        progress.add(slice.objectCount, to: .objects)
        progress.add(slice.rowCount, to: .rows)
        progress.rows?.add(slice.rowCount, slice.digest)
        for (name, count) in slice.counts { progress.add(count, to: name) }
        progress.add(outcome.inFlightCount, to: .inFlight)
        progress.add(outcome.etagChangedCount, to: .etagChanged)
        progress.lose(outcome.losses)
        progress.cursor = slice.last?.text ?? progress.cursor
        try await save(progress, outcome.findings)
        slice = Slice()
    }

    /// Those whose bytes, read back, have another digest.
    private func otherBytes(
        _ files: [(object: ObjectListing.Object, row: RowFacts)],
        _ progress: inout PartProgress
    ) async throws(CheckFailure) -> [Candidate] {
        let reader = DigestReader(store: tools.store, budget: tools.budget)
        let rows = Dictionary(files.map { ($0.row.key, $0) }) { first, _ in first }
        let answers = await inParallel(files.map(\.row.key), limit: 2) { key in
            await Result { () async throws(CheckFailure) in try await reader.digest(of: key) }
        }
        var candidates: [Candidate] = []
        for (key, answer) in answers {
            guard let (object, row) = rows[key] else { continue }
            switch answer {
            case .success(let digest):
                progress.add(1, to: .digests)
                // Nil: gone since it was listed. Its own listing tells the next check.
                if let digest, digest != row.file?.sha256 {
                    candidates.append(Candidate(otherBytesOf: object, row))
                }
            case .failure(.store(.refused(let status, let code, _))):
                progress.lose(["the store refuses to give \(key): \(status) \(code)"])
            case .failure(let failure): throw failure
            }
        }
        return candidates
    }
}
