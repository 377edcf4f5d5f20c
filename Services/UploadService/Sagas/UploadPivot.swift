import Determinism
import EventBinding
import EventContracts
import PostgresClient
import SagaEngine
import TransactionalOutbox

/// The point of no return of an upload: the file becomes available and its event is written, or nothing happens.
struct UploadPivot: Sendable {
    let pool: PostgresPool
    let time: any TimeSource
    let random: any RandomSource
    let doorbell: Doorbell
    /// The bytes are in the store already, so a database that is away for a moment is waited for.
    let patience: Duration

    /// Also for a caller that is cancelled: from the first commit that was sent on, only the database knows what is true.
    ///
    /// - Parameter keyed: stores the answer in the same transaction.
    /// - Returns: the stored file. It may have been stored by an earlier attempt whose answer was lost.
    func commit(
        _ upload: Upload,
        _ object: TransferredObject,
        _ keyed: KeyedAnswer<File>?,
        _ handle: StepHandle
    ) async throws(UploadFailure) -> File {
        let attempts = Task { () -> Result<File, UploadFailure> in
            do throws(UploadFailure) {
                return .success(try await commitPatiently(upload, object, keyed, handle))
            } catch { return .failure(error) }
        }
        return try await attempts.value.get()
    }

    private func commitPatiently(
        _ upload: Upload,
        _ object: TransferredObject,
        _ keyed: KeyedAnswer<File>?,
        _ handle: StepHandle
    ) async throws(UploadFailure) -> File {
        let deadline = time.uptime + patience
        let backoff = Backoff(base: .milliseconds(100), limit: .seconds(2))
        var attemptCount = 0
        var isOutcomeUnknown = false
        while true {
            let failure: UploadFailure
            do {
                return try await attempt(upload, object, keyed, handle)
            } catch {
                if case .commitOutcomeUnknown = error { isOutcomeUnknown = true }
                failure = UploadFailure(error)
            }
            let pause = backoff.pause(after: attemptCount, random)
            guard failure.mayPass, time.uptime + pause < deadline else {
                throw isOutcomeUnknown && !failure.isVerdict
                    ? .outcomeUnknown(file: upload.fileID) : failure
            }
            attemptCount += 1
            try? await time.sleep(for: pause)
        }
    }

    private func attempt(
        _ upload: Upload,
        _ object: TransferredObject,
        _ keyed: KeyedAnswer<File>?,
        _ handle: StepHandle
    ) async throws(TransactionError<any Error>) -> File {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> File in
            let doorbell = self.doorbell
            tx.afterCommit { doorbell.ring() }
            guard let file = try await FileStore.insert(upload, object: object, in: tx) else {
                return try await storedEarlier(upload, in: tx)
            }
            try Outbox.append(file.stateEvent, in: tx)
            _ = try await handle.record(in: tx)
            try await keyed?.store(file, in: tx)
            return file
        }
    }

    /// An earlier attempt of ours committed, or somebody doomed the upload, or its name is taken.
    private func storedEarlier(_ upload: Upload, in tx: borrowing Transaction) async throws -> File {
        guard try await UploadStore.lockState(of: upload.id, in: tx) == .completed else {
            throw UploadFailure.lost
        }
        // Without a file it was this attempt that completed the upload.
        guard let file = try await FileStore.lock(upload.fileID, in: tx) else {
            throw UploadFailure.nameTaken(name: upload.name, existing: nil)
        }
        return file
    }
}
