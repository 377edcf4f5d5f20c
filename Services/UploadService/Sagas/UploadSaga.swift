import Determinism
import EventBinding
import EventContracts
import FaultPoints
import PostgresClient
import SagaEngine
import TransactionalOutbox

/// A file comes in.
///
///     (reserve) ─ put-object ─ commit
///                 undo: discard  pivot
///
/// The saga begins in the transaction that reserves the row and its never-reused key: the intent is committed
/// before the first byte leaves. Whoever takes over from a process that died has no bytes to send, and discards.
struct UploadSaga: Sendable {
    static let kind = "upload.v1"

    let pool: PostgresPool
    let transfer: ObjectTransfer
    let pivot: UploadPivot
    let reaping: ReapSaga
    let faults: any Faults
    /// How long an upload may stay without progress.
    let expiry: Duration

    func steps() throws(MalformedSaga) -> Saga<UploadContext> {
        try Saga(
            Self.kind,
            [
                Step("put-object", .compensatable(undo: discard), run: putObject),
                Step("commit", .pivot, run: commit),
            ]
        )
    }

    /// Reserves the row and its key.
    ///
    /// - Returns: the claim under which the caller drives the saga.
    /// - Throws: `.nameTooLong`, `.quotaExceeded`: nothing was written. `.database`: nothing was written, or a row that will be discarded.
    func begin(_ upload: Upload, lease: Duration) async throws(UploadFailure) -> SagaClaim {
        do {
            let saga = NewSaga(
                id: upload.id,
                kind: Self.kind,
                subject: upload.id,
                context: try StoredUpload(upload).encoded()
            )
            let log = [SagaEntry.started(0)]
            try faults.reach(.beforeUploadReserved)
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try UploadStore.reserve(upload, expiry: expiry, in: tx)
                try SagaStore.insert(saga, log: log, leaseMilliseconds: lease.wholeMilliseconds, in: tx)
            }
            try faults.reach(.afterUploadReserved)
            return SagaClaim(of: saga, log: log)
        } catch let failure as TransactionError<any Error> {
            throw UploadFailure(failure)
        } catch { throw .lost }
    }

    private func putObject(_ context: UploadContext, _: StepHandle) async throws(StepFailure) -> StepReceipt {
        guard let arriving = context.arriving else { throw .definite(DoomedUpload.processGone.reason) }
        try faults.step(.beforeObjectPut)
        guard !arriving.signOfLife.isLost else { throw .lost }
        do {
            context.record(try await transfer.send(arriving))
        } catch {
            context.record(error)
            throw .definite("\(error)")
        }
        try faults.step(.afterObjectPut)
        return .deferred
    }

    private func commit(
        _ context: UploadContext,
        _ handle: StepHandle
    ) async throws(StepFailure) -> StepReceipt {
        guard let arriving = context.arriving, let object = context.object else {
            throw .definite(DoomedUpload.processGone.reason)
        }
        try faults.step(.beforeUploadCommitted)
        do {
            context.record(try await pivot.commit(arriving.upload, object, arriving.keyed, handle))
        } catch {
            context.record(error)
            throw error.atPivot
        }
        try faults.step(.afterUploadCommitted)
        return .recorded
    }

    /// Dooms the row, if nobody has yet, and sees to it that its bytes go.
    private func discard(
        _ context: UploadContext,
        _ handle: StepHandle
    ) async throws(StepFailure) -> StepReceipt {
        try await reaping.discard(context.stored, context.failure?.doom ?? .processGone, handle, faults)
    }
}
