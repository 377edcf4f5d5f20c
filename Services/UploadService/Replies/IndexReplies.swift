import Correlation
import Digests
import EventBinding
import EventContracts
import FaultPoints
import IdempotentInbox
import PostgresClient
import SagaEngine
import TransactionalOutbox

/// What the indexer answers, taken into the files and sagas it is about.
///
/// Every branch is a compare-and-set: an answer that comes twice, late, or for a file that has moved on
/// changes nothing.
struct IndexReplies: EventHandler {
    static let consumer = "upload-service"

    let doorbell: Doorbell
    let faults: any Faults
    var repairs = RepairReplies(figures: nil)

    func decode(_ record: InboundRecord) -> Decoded<FileEvent> { Decoded(record) }

    func apply(_ events: [FileEvent], in tx: borrowing Transaction) async throws {
        let doorbell = self.doorbell
        tx.afterCommit { doorbell.ring() }
        for event in events {
            try await TraceContext.$current.withValue(event.trace) { try await apply(event, in: tx) }
        }
    }

    private func apply(_ event: FileEvent, in tx: borrowing Transaction) async throws {
        switch event.detail {
        case .indexed(let file):
            try await take(file, of: event, in: tx)
        case .rejected(let rejection):
            try await quarantine(event, rejection.reason.rawValue, in: tx)
        case .bytesRemoved:
            try faults.reach(.beforePurgeConfirmed)
            if let file = try await FileStore.finishPurge(event.fileID, in: tx) {
                try Outbox.append(file.stateEvent, in: tx)
                try await SagaStore.remove(kind: DeleteSaga.kind, subject: file.id, in: tx)
                try await IdempotencyStore.letGo(of: file.id, in: tx)
            }
            try faults.reach(.afterPurgeConfirmed)
        case .uploadBytesRemoved(let removed):
            if try await UploadStore.reap(removed.uploadID, file: event.fileID, in: tx) {
                try await PartStore.remove(removed.uploadID, in: tx)
                try await SagaStore.remove(kind: ReapSaga.kind, subject: removed.uploadID, in: tx)
            }
        case .removalStalled:
            break  // the indexer goes on trying and raises the alarm itself
        case .objectTrashed, .objectRestored, .objectKept, .multipartAborted:
            try await repairs.apply(event, in: tx)
        case .stored, .restored, .deleted, .purging, .purged, .quarantined, .uploadDiscarded,
            .objectQuarantined, .objectUnquarantined, .multipartLeaked:
            break  // our own
        }
    }

    private func take(
        _ file: IndexedFile,
        of event: FileEvent,
        in tx: borrowing Transaction
    ) async throws {
        guard let digest = Digest256(hex: file.sha256) else { return }  // decoding let nothing else through
        let (id, version) = (event.fileID, event.version)
        if try await !FileStore.markIndexed(id, version: version, digest: digest, in: tx) {
            try await quarantine(event, RejectedFile.Reason.digestMismatch.rawValue, in: tx)
        }
    }

    private func quarantine(
        _ event: FileEvent,
        _ reason: String,
        in tx: borrowing Transaction
    ) async throws {
        let file = try await FileStore.quarantine(
            event.fileID,
            version: event.version,
            reason: reason,
            in: tx
        )
        guard let file else { return }
        try Outbox.append(file.stateEvent, in: tx)
    }
}
