/// Where one file stands. Stored in `files.state`; a CHECK constraint holds the same list.
enum FileState: String, CaseIterable, Sendable {
    case available = "AVAILABLE"
    /// In the trash: restorable until its retention is over.
    case deleted = "DELETED"
    /// Past the point of no return: its bytes are being removed.
    case purging = "PURGING"
    /// No byte is left; the row is a tombstone and stays.
    case purged = "PURGED"
    /// The bytes are not what was acknowledged; kept for an operator, but not served.
    case quarantined = "QUARANTINED"
}

/// What can happen to one file.
enum FileTransition: CaseIterable, Sendable {
    case deleted
    case restored
    /// Retention is over and no hold is on it: the pivot of the delete saga.
    case purgeStarted
    /// The indexer proved that no version of the object is left.
    case bytesRemoved
    /// The indexer found other bytes than were acknowledged.
    case rejected
    /// An operator let it out of quarantine.
    case released
}

extension FileState {
    /// The only place a file changes state; no `default`, as in `UploadState`. A move to another state raises the
    /// file's version by one and appends one event; a repeat is legal and does neither.
    func applying(
        _ event: FileTransition
    ) throws(IllegalTransition<FileState, FileTransition>) -> FileState {
        let illegal = IllegalTransition(state: self, event: event)
        switch self {
        case .available:
            switch event {
            case .deleted: return .deleted
            case .rejected: return .quarantined
            case .restored, .released: return .available
            case .purgeStarted, .bytesRemoved: throw illegal
            }
        case .deleted:
            switch event {
            case .deleted: return .deleted
            case .restored: return .available
            case .purgeStarted: return .purging
            // Late news of an older version: a restored file is verified again under its new version.
            case .rejected: return .deleted
            case .bytesRemoved, .released: throw illegal
            }
        case .purging:
            switch event {
            case .deleted, .purgeStarted, .rejected: return .purging
            case .bytesRemoved: return .purged
            case .restored, .released: throw illegal
            }
        case .purged:
            switch event {
            case .deleted, .purgeStarted, .bytesRemoved, .rejected: return .purged
            case .restored, .released: throw illegal
            }
        case .quarantined:
            switch event {
            case .deleted: return .deleted
            case .rejected: return .quarantined
            case .released: return .available
            case .restored, .purgeStarted, .bytesRemoved: throw illegal
            }
        }
    }
}
