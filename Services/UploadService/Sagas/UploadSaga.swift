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

    let intents: UploadIntents
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

    /// Reserves the row and its key, unless the name is taken.
    ///
    /// - Returns: the claim under which the caller drives the saga.
    /// - Throws: `.nameTaken`, `.nameTooLong`, `.quotaExceeded`: nothing was written. `.database`: nothing was written, or a row that will be discarded.
    func begin(_ upload: Upload) async throws(UploadFailure) -> SagaClaim {
        do {
            let saga = NewSaga(
                id: upload.id,
                kind: Self.kind,
                subject: upload.id,
                context: try StoredUpload(upload).encoded()
            )
            try faults.reach(.beforeUploadReserved)
            let intent = UploadIntent(upload: upload, saga: saga)
            if let refusal = try await intents.commit(intent, of: upload.tenant) { throw refusal }
            try faults.reach(.afterUploadReserved)
            return SagaClaim(of: saga, log: UploadIntent.log)
        } catch let failure as UploadFailure {
            throw failure
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
            let file = try await pivot.commit(
                UploadPivot.Crossing(
                    upload: arriving.upload,
                    object: object,
                    keyed: arriving.keyed,
                    handle: handle
                )
            )
            context.record(file)
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
