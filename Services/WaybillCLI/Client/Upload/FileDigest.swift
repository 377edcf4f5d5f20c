import Digests

/// The SHA-256 of the whole file, read in order once. It is noted in the journal as soon as it is known: reading may take
/// longer than this process lives.
struct FileDigest: Sendable {
    let source: SourceFile
    let entry: JournalEntry
    let slot: JournalSlot

    var known: Digest256? { entry.sha256.flatMap { Digest256(hex: $0) } }

    func find() async throws(ClientFailure) -> Digest256 {
        if let known { return known }
        let sha256 = try await RangeReader(source: source, range: 0..<source.facts.size).sha256()
        let (source, slot) = (source, slot)
        var entry = entry
        entry.sha256 = sha256.hex
        let noted = entry
        try await blocking { () throws(ClientFailure) in
            // Of a file that changed meanwhile it is the digest of nothing. What cannot be noted is computed again.
            if try source.isUnchanged() { try? slot.write(noted) }
        }
        return sha256
    }
}
