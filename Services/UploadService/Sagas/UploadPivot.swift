import Correlation
import Determinism
import EventBinding
import EventContracts
import PostgresClient
import SagaEngine
import TransactionalOutbox

/// The point of no return of an upload: the file becomes available and its event is written, or nothing happens.
///
/// The uploads of a tenant that reach it at the same moment pass it in one transaction; one that cannot does not keep the others.
struct UploadPivot: Sendable {
    let crossings: SharedTransaction<String, Crossing, File>
    let time: any TimeSource
    let random: any RandomSource
    /// The bytes are in the store already, so a database that is away for a moment is waited for.
    let patience: Duration

    /// An upload whose bytes are in the store.
    struct Crossing: Sendable {
        let upload: Upload
        let object: TransferredObject
        /// Stores the answer in the same transaction.
        let keyed: KeyedAnswer<File>?
        let handle: StepHandle
        /// Of the request: the transaction is not its own.
        let trace = TraceContext.current
    }

    /// One of several has no file. Nothing is kept, and each is tried by itself.
    private struct NotAll: Error {}

    init(
        pool: PostgresPool,
        time: any TimeSource,
        random: any RandomSource,
        doorbell: Doorbell,
        patience: Duration,
        lockLimit: Duration
    ) {
        (self.time, self.random, self.patience) = (time, random, patience)
        crossings = SharedTransaction(
            on: pool,
            lockLimit: lockLimit,
            // Two transactions that take the same names do not wait for each other crosswise, unless a quota's row comes between them.
            inOrder: { ($0.upload.owner, $0.upload.name) < ($1.upload.owner, $1.upload.name) }
        ) { crossings, tx in
            tx.afterCommit { doorbell.ring() }
            let files = try await FileStore.insert(crossings.map { ($0.upload, $0.object) }, in: tx)
            guard files.count == crossings.count else {
                guard crossings.count == 1 else { throw NotAll() }
                return [try await Self.storedEarlier(crossings[0].upload, in: tx)]
            }
            for (file, crossing) in zip(files, crossings) {
                try Outbox.append(file.stateEvent, traceparent: crossing.trace?.header, in: tx)
            }
            guard try await StepHandle.record(crossings.map(\.handle), in: tx) else {
                throw UploadFailure.lost
            }
            try await KeyedAnswer.store(
                zip(files, crossings).compactMap { file, crossing in crossing.keyed.map { ($0, file) } },
                in: tx
            )
            return files
        }
    }

    /// Also for a caller that is cancelled: from the first commit that was sent on, only the database knows what is true.
    ///
    /// - Returns: the stored file. It may have been stored by an earlier attempt whose answer was lost.
    func commit(_ crossing: Crossing) async throws(UploadFailure) -> File {
        let attempts = Task { () -> Result<File, UploadFailure> in
            do throws(UploadFailure) {
                return .success(try await commitPatiently(crossing))
            } catch { return .failure(error) }
        }
        return try await attempts.value.get()
    }

    private func commitPatiently(_ crossing: Crossing) async throws(UploadFailure) -> File {
        let deadline = time.uptime + patience
        let backoff = Backoff(base: .milliseconds(100), limit: .seconds(2))
        var attemptCount = 0
        var isOutcomeUnknown = false
        while true {
            let failure: UploadFailure
            do {
                return try await crossings.commit(crossing, of: crossing.upload.tenant)
            } catch {
                if case .commitOutcomeUnknown = error { isOutcomeUnknown = true }
                failure = UploadFailure(error)
            }
            let pause = backoff.pause(after: attemptCount, random)
            guard failure.mayPass, time.uptime + pause < deadline else {
                throw isOutcomeUnknown && !failure.isVerdict
                    ? .outcomeUnknown(file: crossing.upload.fileID) : failure
            }
            attemptCount += 1
            try? await time.sleep(for: pause)
        }
    }

    /// An earlier attempt of ours committed, or somebody doomed the upload, or its name is taken.
    private static func storedEarlier(_ upload: Upload, in tx: borrowing Transaction) async throws -> File {
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
