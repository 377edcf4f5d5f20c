import Determinism
import EventContracts

import struct FoundationEssentials.UUID

/// What the log says of one file at one version.
struct Document: Sendable {
    enum State: String, CaseIterable, Sendable {
        case live = "LIVE"
        case quarantined = "QUARANTINED"
        case deleted = "DELETED"
        /// A tombstone: nothing is left but the version that keeps late events out.
        case purged = "PURGED"
    }

    let fileID: UUID
    let version: Int64
    let tenant: String
    let owner: String
    let state: State
    /// Of events that tell everything about the file; nil leaves what is known.
    let stored: StoredFile?
    let updatedAt: Timestamp
}

extension Document {
    /// Nil for events that say nothing about a document.
    init?(_ event: FileEvent) {
        let state: State
        var stored: StoredFile?
        switch event.detail {
        case .stored(let file), .restored(let file):
            state = .live
            stored = file
        case .quarantined: state = .quarantined
        case .deleted, .purging: state = .deleted
        case .purged: state = .purged
        case .uploadDiscarded, .indexed, .rejected, .bytesRemoved, .removalStalled, .uploadBytesRemoved,
            .objectQuarantined, .objectUnquarantined, .multipartLeaked, .objectTrashed, .objectRestored,
            .objectKept, .multipartAborted:
            return nil
        }
        self.init(
            fileID: event.fileID,
            version: event.version,
            tenant: event.tenant,
            owner: event.owner,
            state: state,
            stored: stored,
            updatedAt: event.occurredAt
        )
    }
}
