/// Where one upload stands. Stored in `uploads.state`; a CHECK constraint holds the same list.
enum UploadState: String, CaseIterable, Sendable {
    /// The row and its object key are committed; no byte has been seen.
    case pending = "PENDING"
    /// Bytes are arriving.
    case active = "ACTIVE"
    /// Someone holds the lease on completing it in the store.
    case completing = "COMPLETING"
    /// The file exists.
    case completed = "COMPLETED"
    case failed = "FAILED"
    case aborted = "ABORTED"
    case expired = "EXPIRED"
    /// Doomed once, and its bytes proven absent twice.
    case reaped = "REAPED"

    /// Final states without a file: the only ones whose objects may be removed.
    static let doomed: Set<UploadState> = [.failed, .aborted, .expired]

    var isDoomed: Bool { Self.doomed.contains(self) }
}

/// What can happen to one upload.
enum UploadEvent: CaseIterable, Sendable {
    case bytesArrived
    /// A completer took the lease: the first, or another after the first one's lease ran out.
    case completionClaimed
    /// The pivot: file, version and event are in the same transaction.
    case committed
    case failed
    case clientAborted
    case deadlinePassed
    /// The indexer proved that nothing is left under the object key.
    case bytesRemoved
}

/// No arrow of the state machine leads from `state` by `event`. Nothing was changed.
struct IllegalTransition<State: Sendable & Equatable, Event: Sendable & Equatable>: Error, Equatable, Sendable
{
    let state: State
    let event: Event
}

extension UploadState {
    /// The only place an upload changes state. There is no `default`, so a new state or event does not compile until
    /// someone has decided about it here. Where delivery is at least once, a repeat is legal and changes nothing.
    func applying(
        _ event: UploadEvent
    ) throws(IllegalTransition<UploadState, UploadEvent>) -> UploadState {
        let illegal = IllegalTransition(state: self, event: event)
        switch self {
        case .pending:
            switch event {
            case .bytesArrived: return .active
            // The single-request door commits without ever recording its first byte.
            case .committed: return .completed
            case .failed: return .failed
            case .clientAborted: return .aborted
            case .deadlinePassed: return .expired
            case .completionClaimed, .bytesRemoved: throw illegal
            }
        case .active:
            switch event {
            case .bytesArrived: return .active
            case .completionClaimed: return .completing
            case .committed: return .completed
            case .failed: return .failed
            case .clientAborted: return .aborted
            case .deadlinePassed: return .expired
            case .bytesRemoved: throw illegal
            }
        case .completing:
            switch event {
            case .completionClaimed: return .completing
            case .committed: return .completed
            case .failed: return .failed
            // The store may already hold the finished object: only the completer may decide (`delete_requested`).
            case .clientAborted, .deadlinePassed: throw illegal
            case .bytesArrived, .bytesRemoved: throw illegal
            }
        case .completed:
            switch event {
            case .committed: return .completed
            case .bytesArrived, .completionClaimed, .failed, .clientAborted, .deadlinePassed, .bytesRemoved:
                throw illegal
            }
        case .failed:
            switch event {
            case .failed: return .failed
            case .bytesRemoved: return .reaped
            case .bytesArrived, .completionClaimed, .committed, .clientAborted, .deadlinePassed: throw illegal
            }
        case .aborted:
            switch event {
            case .clientAborted: return .aborted
            case .bytesRemoved: return .reaped
            case .bytesArrived, .completionClaimed, .committed, .failed, .deadlinePassed: throw illegal
            }
        case .expired:
            switch event {
            case .deadlinePassed: return .expired
            case .bytesRemoved: return .reaped
            case .bytesArrived, .completionClaimed, .committed, .failed, .clientAborted: throw illegal
            }
        case .reaped:
            switch event {
            case .bytesRemoved: return .reaped
            case .bytesArrived, .completionClaimed, .committed, .failed, .clientAborted, .deadlinePassed:
                throw illegal
            }
        }
    }
}
