import Determinism

import struct FoundationEssentials.UUID

/// What is wrong with what the index holds of a file.
struct IndexVerdict: Equatable, Sendable {
    let kind: FindingKind
    let detail: String

    /// Nil when the two agree, or when the index may still be on its way.
    static func of(_ file: CheckedFile?, _ entry: IndexEntry?) -> IndexVerdict? {
        guard let file else {
            // A tombstone of a file that does not exist says what is true.
            guard let entry, entry.state != .purged else { return nil }
            return IndexVerdict(
                kind: .indexGhost,
                detail: "no such file; indexed at version \(entry.version)"
            )
        }
        guard let entry else {
            guard file.isSettled, file.state != .purged else { return nil }
            return IndexVerdict(
                kind: .indexMissing,
                detail: "the file is \(file.state.rawValue), not indexed"
            )
        }
        if entry.version > file.version {
            return IndexVerdict(
                kind: .indexGhost,
                detail: "indexed at version \(entry.version), the file is at \(file.version)"
            )
        }
        guard file.isSettled else { return nil }
        if entry.version < file.version {
            return IndexVerdict(
                kind: .indexStale,
                detail: "indexed at version \(entry.version), the file is at \(file.version)"
            )
        }
        guard entry.state == file.indexedState else {
            return IndexVerdict(
                kind: .indexStale,
                detail: "indexed as \(entry.state.rawValue), the file is \(file.state.rawValue)"
            )
        }
        return nil
    }

    func finding(_ id: UUID, _ file: CheckedFile?) -> Finding {
        Finding(
            kind: kind,
            subject: id.text,
            detail: detail,
            tenant: file?.tenant,
            fileID: id,
            rowVersion: file?.version,
            rowState: file?.state.rawValue
        )
    }
}

/// What the database says of a file, as far as the index has to agree.
struct CheckedFile: Equatable, Sendable {
    let id: UUID
    let tenant: String
    let state: FileState
    let version: Int64
    /// It has been as it is for so long that the index must have heard.
    let isSettled: Bool

    /// As what the index must hold it.
    var indexedState: IndexEntry.State {
        switch state {
        case .available: .live
        case .quarantined: .quarantined
        case .deleted, .purging: .deleted
        case .purged: .purged
        }
    }
}

/// Ids in the order in which PostgreSQL sorts them: by their bytes.
struct IDKey: Comparable, Sendable, CustomStringConvertible {
    let id: UUID
    private let high: UInt64
    private let low: UInt64

    init(_ id: UUID) {
        self.id = id
        let bytes = id.uuid
        let highBytes = [
            bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5, bytes.6, bytes.7,
        ]
        let lowBytes = [
            bytes.8, bytes.9, bytes.10, bytes.11, bytes.12, bytes.13, bytes.14, bytes.15,
        ]
        high = highBytes.reduce(0) { $0 << 8 | UInt64($1) }
        low = lowBytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    var description: String { id.text }
    static func < (left: IDKey, right: IDKey) -> Bool { (left.high, left.low) < (right.high, right.low) }
}
