import Synchronization

/// What the steps of one completion share while a process drives them.
final class CompleteContext: Sendable {
    let stored: StoredUpload
    private let progress = Mutex(Progress())

    private struct Progress {
        var assembled: (Upload, TransferredObject)?
        var failure: UploadFailure?
    }

    init(_ stored: StoredUpload) { self.stored = stored }

    /// In the store, and found to be what the plan says.
    var assembled: (Upload, TransferredObject)? { progress.withLock { $0.assembled } }
    /// The first failure; the answer to the client.
    var failure: UploadFailure? { progress.withLock { $0.failure } }

    func record(_ object: TransferredObject, of upload: Upload) {
        progress.withLock { $0.assembled = (upload, object) }
    }

    func record(_ failure: UploadFailure) {
        progress.withLock { if $0.failure == nil { $0.failure = failure } }
    }
}
