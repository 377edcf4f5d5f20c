import Determinism
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine

/// The parts of a session become a file.
///
///     (claim) ─ assemble ─ commit ─ clear
///               undo: discard  pivot  retriable
///
/// The saga begins in the transaction that freezes the list of parts and makes the upload COMPLETING: from then on only whoever drives
/// the saga decides, and every attempt uses the same list. Unlike a body that streams by, parts are still there when a process
/// dies: whoever takes over goes on.
struct CompleteSaga: Sendable {
    static let kind = "complete.v1"

    let pool: PostgresPool
    let assembly: PartAssembly
    let pivot: UploadPivot
    let reaping: ReapSaga
    let faults: any Faults
    let time: any TimeSource
    /// For so long an upload whose parts cannot be put together stays COMPLETING.
    let patience: Duration
    /// And at least so many times it is tried.
    static let attemptLimit = 4

    func steps() throws(MalformedSaga) -> Saga<CompleteContext> {
        try Saga(
            Self.kind,
            [
                Step("assemble", .compensatable(undo: discard), run: assemble),
                Step("commit", .pivot, run: commit),
                Step("clear", .retriable, run: clear),
            ]
        )
    }

    static func new(for upload: Upload) throws -> NewSaga {
        NewSaga(id: upload.id, kind: kind, subject: upload.id, context: try StoredUpload(upload).encoded())
    }

    private func assemble(_ context: CompleteContext, _: StepHandle) async throws(StepFailure) -> StepReceipt
    {
        try faults.step(.beforePartsAssembled)
        let (session, parts) = try await frozen(context)
        do {
            context.record(try await assembly.object(of: session, parts), of: session.upload)
        } catch {
            try await judge(error, of: session, context)
        }
        try faults.step(.afterPartsAssembled)
        return .deferred
    }

    private func frozen(
        _ context: CompleteContext
    ) async throws(StepFailure) -> (UploadSession, [CompletedPart]) {
        do {
            guard let session = try await UploadStore.session(context.stored.uploadID, on: pool) else {
                throw StepFailure.definite("there is no such session")
            }
            return (session, try await PartStore.frozen(session.upload.id, on: pool))
        } catch let failure as StepFailure { throw failure } catch { throw .transient("\(error)") }
    }

    /// Always throws. What the store has answered is tried again until the patience is over; as long as it cannot be asked, nothing
    /// is given up.
    private func judge(
        _ failure: PartAssembly.Failure,
        of session: UploadSession,
        _ context: CompleteContext
    ) async throws(StepFailure) {
        let isOver: Bool
        do {
            isOver = try await UploadStore.recordAttempt(
                "\(time.now.rfc3339) \(failure.cause)",
                isAnswer: failure.kind != .away,
                of: session.upload.id,
                limit: Self.attemptLimit,
                patience: patience,
                on: pool
            )
            if failure.kind == .partsChanged, !isOver, try await refreeze(session) {
                throw StepFailure.transient("\(failure.cause)")
            }
        } catch let failure as StepFailure { throw failure } catch { throw .transient("\(error)") }
        switch failure.kind {
        case .away: throw .transient("\(failure.cause)")
        case .notMade where !isOver: throw .transient("\(failure.cause)")
        case .notMade, .partsChanged, .foreign: break
        }
        context.record(.store(failure.cause))
        throw .definite("\(failure.cause)")
    }

    /// - Returns: false when the parts will not do any more.
    private func refreeze(_ session: UploadSession) async throws -> Bool {
        let ledger = try await PartStore.ledger(of: session.upload.id, on: pool)
        guard let parts = try await assembly.relisted(session, ledger) else { return false }
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            guard try await UploadStore.lockState(of: session.upload.id, in: tx) == .completing else {
                return
            }
            try await PartStore.freeze(parts, of: session.upload.id, in: tx)
        }
        return true
    }

    private func commit(
        _ context: CompleteContext,
        _ handle: StepHandle
    ) async throws(StepFailure) -> StepReceipt {
        guard let (upload, object) = context.assembled else { throw .transient("not assembled") }
        try faults.step(.beforeUploadCommitted)
        do {
            _ = try await pivot.commit(
                UploadPivot.Crossing(upload: upload, object: object, keyed: nil, handle: handle)
            )
        } catch {
            context.record(error)
            throw error.atPivot
        }
        try faults.step(.afterUploadCommitted)
        return .recorded
    }

    /// Multipart uploads that were opened and never used, because the answer that named them got lost, and the ledger.
    private func clear(_ context: CompleteContext, _ handle: StepHandle) async throws(StepFailure)
        -> StepReceipt
    {
        try faults.step(.beforeSessionCleared)
        let (session, _) = try await frozen(context)
        if session.openCount > 1 {
            do { try await assembly.abortStrays(of: session) } catch {
                throw .transient("object store: \(error)")
            }
        }
        let receipt = try await pool.withStepTransaction { tx in
            try await PartStore.remove(session.upload.id, in: tx)
            return try await handle.record(in: tx)
        }
        try faults.step(.afterSessionCleared)
        return receipt
    }

    private func discard(
        _ context: CompleteContext,
        _ handle: StepHandle
    ) async throws(StepFailure) -> StepReceipt {
        try await reaping.discard(context.stored, context.failure?.doom ?? .notAssembled, handle, faults)
    }
}

extension DoomedUpload {
    fileprivate static let notAssembled = DoomedUpload(
        state: .failed,
        reason: "its parts could not be put together"
    )
}
