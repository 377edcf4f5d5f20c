import Determinism
import EventBinding
import EventContracts
import FaultPoints
import PostgresClient
import SagaEngine
import ServiceParts
import TransactionalOutbox

/// What an upload that did not become a file has left in the store goes.
///
///     (doom) ─ await-removal
///              retriable
///
/// The saga begins in the transaction that dooms the upload and tells the cleanup consumer, the only one that removes bytes;
/// the consumer's answer ends it (`IndexReplies`). This only asks again when none comes.
struct ReapSaga: Sendable {
    static let kind = "reap.v1"

    let pool: PostgresPool
    let doorbell: Doorbell
    /// How long the removal may take before it is asked for again.
    let patience: Duration

    func steps() throws(MalformedSaga) -> Saga<StoredUpload> {
        try Saga(Self.kind, [Step("await-removal", .retriable, run: awaitRemoval)])
    }

    /// Dooms an upload, unless it has ended.
    ///
    /// - Returns: false when it had ended before; nothing was changed.
    func doom(
        _ upload: StoredUpload,
        _ doom: DoomedUpload,
        in tx: borrowing Transaction
    ) async throws -> Bool {
        guard let discard = try await UploadStore.doom(upload.uploadID, doom, in: tx) else { return false }
        try await begin(upload, discard, in: tx)
        return true
    }

    /// The undo of every saga that brings a file in: dooms the upload, if nobody has yet, and sees to it that its bytes go.
    func discard(
        _ upload: StoredUpload,
        _ doom: DoomedUpload,
        _ handle: StepHandle,
        _ faults: any Faults
    ) async throws(StepFailure) -> StepReceipt {
        try faults.step(.beforeUploadDiscarded)
        let receipt = try await pool.withStepTransaction { tx in
            // What this database takes for unfinished may have become a file after the backup was made.
            try await SafeMode.hold(in: tx)
            _ = try await self.doom(upload, doom, in: tx)
            return try await handle.record(in: tx)
        }
        try faults.step(.afterUploadDiscarded)
        return receipt
    }

    /// To be called in the transaction that doomed the upload. In safe mode the order itself waits.
    func begin(
        _ upload: StoredUpload,
        _ discard: UploadStore.Discard,
        in tx: borrowing Transaction
    ) async throws {
        let held = try await SafeMode.pause(in: tx)
        if held == nil {
            let doorbell = self.doorbell
            tx.afterCommit { doorbell.ring() }
            try Outbox.append(upload.discarded(discard), in: tx)
        }
        // The upload's own id is still that of its saga, which ends in this transaction.
        let saga = NewSaga(
            id: upload.fileID,
            kind: Self.kind,
            subject: upload.uploadID,
            context: try upload.encoded()
        )
        let pause = min(held ?? patience, patience)
        try SagaStore.insert([saga], wakeAt: discard.at.advanced(by: pause), in: tx)
    }

    private func awaitRemoval(
        _ upload: StoredUpload,
        _: StepHandle
    ) async throws(StepFailure) -> StepReceipt {
        let isReaped: Bool
        do {
            isReaped = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
                guard let discard = try await UploadStore.discard(of: upload.uploadID, in: tx) else {
                    return true
                }
                try await SafeMode.hold(in: tx)
                let doorbell = self.doorbell
                tx.afterCommit { doorbell.ring() }
                try Outbox.append(upload.discarded(discard), in: tx)
                return false
            }
        } catch .rolledBack(let failure as StepFailure) {
            throw failure
        } catch { throw .transient("\(error)") }
        if isReaped { return .unrecorded }
        throw .waiting(patience)
    }
}

extension StoredUpload {
    /// The same event, byte for byte, however often it is made within an epoch.
    fileprivate func discarded(_ discard: UploadStore.Discard) -> FileEvent {
        FileEvent(
            fileID: fileID,
            version: discard.version,
            tenant: tenant,
            owner: owner,
            occurredAt: discard.at,
            detail: .uploadDiscarded(
                DiscardedUpload(
                    uploadID: uploadID,
                    objectKey: objectKey,
                    s3UploadID: discard.multipartID,
                    reason: discard.reason
                )
            )
        )
    }
}
