import Determinism
import Digests
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine

/// A session becomes a file, or is given up by its client.
extension UploadSessions {
    /// Puts the parts together. Called again it answers the same, for ever, once that has happened.
    ///
    /// - Throws: `.partsMissing`, `.partsWrong`, `.nameTaken`, `.digestsDiffer`: the session can go on. `.completing`: another
    ///   request, or a worker, is at it. `.unfinished`: a worker goes on with it. `.ended`: nothing is kept.
    func complete(_ session: UploadSession, sha256: Digest256?) async throws(SessionFailure) -> UploadSession
    {
        do throws(SessionFailure) {
            try requireOpen(session)
            if let declared = session.upload.declaredSHA256, let sha256, declared != sha256 {
                throw .digestsDiffer
            }
            try await refuseTakenName(session.upload.name, of: session.owner)
            let seen = try await requireParts(of: session)
            guard let claim = try await claimCompletion(of: session, seen, sha256) else {
                try requireOpen(try await reread(session))
                throw .completing
            }
            return try await drive(claim, session)
        } catch {
            // Another request of the same client was faster.
            let now = try await reread(session)
            guard now.state == .completed else { throw error }
            if let kept = now.upload.declaredSHA256, let sha256, kept != sha256 { throw .digestsDiffer }
            return now
        }
    }

    /// It was free when the session was opened.
    private func refuseTakenName(_ name: String, of owner: Owner) async throws(SessionFailure) {
        let existing: File?
        do { existing = try await FileStore.find(name: name, of: owner, on: pool) } catch {
            throw .database(error)
        }
        if let existing { throw .nameTaken(name: existing.name, existing: existing.id) }
    }

    private func requireParts(of session: UploadSession) async throws(SessionFailure) -> SeenParts {
        let seen: SeenParts
        do throws(SessionFailure) { seen = try await seenParts(of: session) } catch .partsUnknown {
            if let multipartID = session.multipartID { try await noteLoss(of: multipartID, of: session) }
            throw .partsUnknown
        }
        guard seen.isComplete else {
            try await transaction { tx in
                guard try await UploadStore.renew(session.upload.id, expiry: limits.expiry, in: tx) else {
                    throw try await closed(session, in: tx)
                }
                try await PartStore.doubt(seen.wrong + seen.missing, of: session.upload.id, in: tx)
            }
            throw seen.wrong.isEmpty ? .partsMissing(seen.missing) : .partsWrong(seen.wrong)
        }
        return seen
    }

    /// From here on the list is frozen, and no part is taken any more. Exactly one of several requests gets through.
    func claimCompletion(
        of session: UploadSession,
        _ seen: SeenParts,
        _ sha256: Digest256?
    ) async throws(SessionFailure) -> SagaClaim? {
        let upload = session.upload
        let saga: NewSaga
        // What the store was asked to put together has to go when it cannot become a file.
        let log = [SagaEntry.started(0)]
        do { saga = try CompleteSaga.new(for: upload) } catch { throw .database(.invalidValue("\(error)")) }
        do { try faults.reach(.beforeCompletionClaimed) } catch {
            throw .database(.connectionLost("\(error)"))
        }
        let claim = try await transaction { tx -> SagaClaim? in
            guard try await UploadStore.lockState(of: upload.id, in: tx) == .active,
                try await UploadStore.claimCompletion(
                    of: upload.id,
                    sha256: sha256,
                    multipartID: session.multipartID,
                    in: tx
                )
            else { return nil }
            // What came after the store was asked is not in its answer: frozen as it was then, the list would never do.
            let ledger = try await PartStore.ledger(of: upload.id, in: tx)
            if let number = ledger.firstChange(since: seen.ledger) {
                throw SessionFailure.partArriving(number)
            }
            try await PartStore.freeze(seen.parts.map(\.completed), of: upload.id, in: tx)
            try SagaStore.insert(
                [saga],
                log: log,
                leaseMilliseconds: heartbeat.lease.wholeMilliseconds,
                in: tx
            )
            return SagaClaim(of: saga, log: log)
        }
        do { try faults.reach(.afterCompletionClaimed) } catch { throw .unfinished }
        return claim
    }

    /// Also for a client that has gone: what has begun is brought to its end.
    private func drive(_ claim: SagaClaim, _ session: UploadSession) async throws(SessionFailure)
        -> UploadSession
    {
        let context = CompleteContext(StoredUpload(session.upload))
        let work = Task { await heartbeat.whileRenewing(claim) { await completion.drive(claim, context) } }
        _ = await work.value
        let now = try await reread(session)
        switch now.state {
        case .completed: return now
        case .completing: throw .unfinished
        case .pending, .active, .failed, .aborted, .expired, .reaped:
            throw context.failure.map { .ended($0) } ?? .illegal(now.state)
        }
    }

    /// Gives the session up, and has its bytes removed. Repeating it changes nothing, also when they are gone.
    func abort(_ session: UploadSession) async throws(SessionFailure) -> UploadSession {
        let isReaped = session.state == .reaped && session.failureReason == DoomedUpload.byClient.reason
        guard session.state != .aborted, !isReaped else { return session }
        let upload = StoredUpload(session.upload)
        try await transaction { tx in
            guard try await reaping.doom(upload, .byClient, in: tx) else {
                switch try await UploadStore.lockState(of: upload.uploadID, in: tx) {
                case .aborted: return
                case .completing: throw SessionFailure.completing
                case let state?: throw SessionFailure.illegal(state)
                case nil: throw SessionFailure.notFound
                }
            }
        }
        return try await reread(session)
    }
}

extension DoomedUpload {
    fileprivate static let byClient = DoomedUpload(state: .aborted, reason: "aborted by the client")
}
