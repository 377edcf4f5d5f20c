import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Compares the files with what the index holds of them.
struct IndexPart: CheckPart {
    let name = CheckProgress.index
    let tools: CheckTools
    let client: IndexerClient

    private static let candidateLimit = 256
    private static let pairingLimit = 20_000

    func run(
        from start: PartProgress,
        save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure) {
        var progress = start
        let after = start.cursor.flatMap { UUID(text: $0) }
        let patience = tools.settings.indexPatience
        var comparison = Compare(
            FilePages(after: after, patience: patience, on: tools.pool),
            IndexPages(after: after, client: client),
            leftKey: { IDKey($0.id) },
            rightKey: { IDKey($0.fileID) }
        )
        var suspects: [UUID] = []
        var pairingCount = 0
        while let (pairings, last) = try await comparison.next() {
            for pairing in pairings {
                progress.add(1, to: .indexRows, if: pairing.hasLeft)
                progress.add(1, to: .indexEntries, if: pairing.hasRight)
                if let suspect = Self.suspect(pairing) { suspects.append(suspect) }
            }
            pairingCount += pairings.count
            progress.cursor = last.id.text
            guard suspects.count >= Self.candidateLimit || pairingCount >= Self.pairingLimit else { continue }
            try await close(&suspects, &progress, save)
            pairingCount = 0
        }
        progress.isDone = true
        try await close(&suspects, &progress, save)
    }

    private static func suspect(_ pairing: Pairing<CheckedFile, IndexEntry>) -> UUID? {
        switch pairing {
        case .left(let file): IndexVerdict.of(file, nil) == nil ? nil : file.id
        case .right(let entry): IndexVerdict.of(nil, entry) == nil ? nil : entry.fileID
        case .both(let file, let entry): IndexVerdict.of(file, entry) == nil ? nil : file.id
        }
    }

    private func close(
        _ suspects: inout [UUID],
        _ progress: inout PartProgress,
        _ save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure) {
        let findings = try await settle(suspects)
        progress.add(suspects.count - findings.count, to: .inFlight)
        try await save(progress, findings)
        suspects = []
    }

    /// The file, the entry, a pause, the entry, the file: what lies between two equal looks at the file did not change.
    private func settle(_ suspects: [UUID]) async throws(CheckFailure) -> [Finding] {
        guard !suspects.isEmpty else { return [] }
        let before = try await files(suspects)
        let first = try await entries(suspects)
        let wrong = suspects.filter { IndexVerdict.of(before[$0], first[$0] ?? nil) != nil }
        guard !wrong.isEmpty else { return [] }
        do { try await tools.time.sleep(for: tools.settings.recheckPause) } catch { throw .stopped }
        let again = try await entries(wrong)
        let after = try await files(wrong)
        return wrong.compactMap { id in
            guard before[id]?.version == after[id]?.version, let entry = again[id],
                let verdict = IndexVerdict.of(after[id], entry),
                verdict.kind == IndexVerdict.of(before[id], first[id] ?? nil)?.kind
            else { return nil }
            return verdict.finding(id, after[id])
        }
    }

    private func files(_ ids: [UUID]) async throws(CheckFailure) -> [UUID: CheckedFile] {
        let (patience, pool) = (tools.settings.indexPatience, tools.pool)
        let files = try await asked { () throws(DatabaseError) in
            try await CheckedFileStore.find(ids, patience: patience, on: pool)
        }
        return Dictionary(files.map { ($0.id, $0) }) { first, _ in first }
    }

    /// Nil inside: the index knows nothing of it.
    private func entries(_ ids: [UUID]) async throws(CheckFailure) -> [UUID: IndexEntry?] {
        var entries: [UUID: IndexEntry?] = [:]
        let answers = await inParallel(ids, limit: 8) { id in
            await Result { () async throws(CheckFailure) in
                do throws(IndexerFailure) { return try await client.entry(of: id) } catch {
                    throw CheckFailure(error)
                }
            }
        }
        for (id, answer) in answers { entries.updateValue(try answer.get(), forKey: id) }
        return entries
    }
}

extension PartProgress {
    fileprivate mutating func add(_ count: Int, to name: CountName, if isCounted: Bool) {
        if isCounted { add(count, to: name) }
    }
}

extension Pairing {
    fileprivate var hasLeft: Bool { if case .right = self { false } else { true } }
    fileprivate var hasRight: Bool { if case .left = self { false } else { true } }
}
