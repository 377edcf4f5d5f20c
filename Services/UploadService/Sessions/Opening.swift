import Determinism
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient

/// A session begins: the row, its never-reused key and that the store will be asked for a multipart upload are committed before it is.
extension UploadSessions {
    /// Opens a session, or finds the one that an earlier request of the same content opened under the same id.
    ///
    /// - Returns: the session, and when it is new its opening; it has no multipart upload yet.
    func open(_ request: NewSession, of owner: Owner) async throws(SessionFailure) -> (
        UploadSession, opening: Int64?
    ) {
        guard request.checksum == nil || store.profile.checksumsEnforced else { throw .checksumsUnchecked }
        let plan = try self.plan(request)
        let upload = try newUpload(request, of: owner)
        let opened: UploadStore.Opened
        do {
            try faults.reach(.beforeSessionOpened)
            opened = try await UploadStore.open(
                upload,
                plan,
                request.checksum,
                expiry: limits.expiry,
                on: pool
            )
            try faults.reach(.afterSessionOpened)
        } catch let failure as DatabaseError {
            throw SessionFailure(opening: failure)
        } catch { throw .database(.connectionLost("\(error)")) }
        switch opened {
        case .new(let session, let opening): return (session, opening)
        case .known(let session) where session.owner == owner && session.isOpened(by: request, plan):
            return (session, nil)
        case .known, .idTaken: throw .idTaken
        case .nameTaken(let name, let existing): throw .nameTaken(name: name, existing: existing)
        }
    }

    private func plan(_ request: NewSession) throws(SessionFailure) -> PartPlan {
        let limit = min(limits.byteLimit, store.profile.plannedSizeLimit)
        guard request.size <= limit else { throw .refused(.tooLarge(limit: limit)) }
        do {
            return try PartPlan.plan(size: request.size, partSize: request.partSize, profile: store.profile)
        } catch { throw .planRefused(error) }
    }

    private func newUpload(_ request: NewSession, of owner: Owner) throws(SessionFailure) -> Upload {
        do {
            return try Upload(
                id: request.id,
                of: owner,
                request.name,
                request.contentType,
                size: request.size,
                sha256: request.sha256,
                at: time.now,
                from: random
            )
        } catch { throw .database(error) }
    }

    /// The session with the store's multipart upload, opened if need be. Of several requests that open one at the same time one
    /// wins; the others abort theirs.
    ///
    /// - Parameter opening: noted already, of a session that is new.
    func withMultipart(
        _ session: UploadSession,
        _ opening: Int64? = nil
    ) async throws(SessionFailure) -> (UploadSession, multipartID: String) {
        var (session, opening, lostAnswerCount) = (session, opening, 0)
        while true {
            if let id = session.multipartID { return (session, id) }
            try requireOpen(session)
            var kept: UploadSession?
            do throws(SessionFailure) { kept = try await openMultipart(session, opening) } catch {
                // Whatever the lost answer told of is found and aborted when the session ends.
                guard case .store(.outcomeUnknown) = error, lostAnswerCount < 2 else { throw error }
                lostAnswerCount += 1
            }
            opening = nil
            if let kept { session = kept } else { session = try await reread(session) }
        }
    }

    /// - Returns: nil when the session is over, or another opened one meanwhile.
    private func openMultipart(
        _ session: UploadSession,
        _ noted: Int64?
    ) async throws(SessionFailure) -> UploadSession? {
        let upload = session.upload
        do {
            try faults.reach(.beforeMultipartOpened)
            var opening = noted
            if opening == nil { opening = try await UploadStore.noteOpening(of: upload.id, on: pool) }
            guard let opening else { return nil }
            let opened = try await store.createMultipartUpload(
                upload.objectKey.text,
                contentType: upload.contentType,
                metadata: upload.objectMetadata,
                checksum: session.checksum
            )
            try faults.reach(.afterMultipartOpened)
            let kept = try await UploadStore.keepMultipartID(
                opened,
                of: upload.id,
                opening: opening,
                on: pool
            )
            if kept == nil { try await store.abortMultipartUpload(upload.objectKey.text, uploadID: opened) }
            return kept
        } catch let failure as DatabaseError {
            throw .database(failure)
        } catch let failure as StoreFailure {
            throw .store(failure)
        } catch { throw .store(.outcomeUnknown(reason: "\(error)")) }
    }
}

extension UploadSession {
    /// Whether the same request opened it. What the service chose for itself need not be repeated.
    fileprivate func isOpened(by request: NewSession, _ plan: PartPlan) -> Bool {
        request.size == self.plan.size && (request.partSize == nil || plan == self.plan)
            && request.checksum == checksum && upload.contentType == request.contentType.text
            && (request.sha256 == nil || request.sha256 == upload.declaredSHA256)
            // Swift compares by canonical equivalence, and the row has normalization form C.
            && upload.name == request.name.text
    }
}
