import Determinism
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient

import struct FoundationEssentials.UUID

/// A session begins: the row and its never-reused key are committed before the store is asked for a multipart upload.
extension UploadSessions {
    /// Opens a session, or finds the one that an earlier request of the same content opened under the same id.
    ///
    /// - Returns: the session, and whether it is new. It has no multipart upload yet.
    func open(_ request: NewSession, of owner: Owner) async throws(SessionFailure) -> (
        UploadSession, isNew: Bool
    ) {
        guard request.checksum == nil || store.profile.checksumsEnforced else { throw .checksumsUnchecked }
        let plan = try self.plan(request)
        let upload = try newUpload(request, of: owner)
        if try await !isKnown(request.id, to: owner) {
            try await refuseTakenName(request.name.text, of: owner)
        }
        let isNew: Bool
        do {
            try faults.reach(.beforeSessionOpened)
            isNew = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
                try await UploadStore.open(upload, plan, request.checksum, expiry: limits.expiry, in: tx)
            }
            try faults.reach(.afterSessionOpened)
        } catch let failure as TransactionError<any Error> {
            let reason = UploadFailure(failure)
            switch reason {
            case .nameTooLong, .quotaExceeded: throw .refused(reason)
            default: throw SessionFailure(failure)
            }
        } catch { throw .database(.connectionLost("\(error)")) }
        let session: UploadSession
        do throws(SessionFailure) { session = try await find(upload.id, of: owner) } catch .notFound {
            throw .idTaken
        }
        guard isNew || session.isOpened(by: request, plan) else { throw .idTaken }
        return (session, isNew)
    }

    private func isKnown(_ id: UUID?, to owner: Owner) async throws(SessionFailure) -> Bool {
        guard let id else { return false }
        do throws(SessionFailure) {
            _ = try await find(id, of: owner)
            return true
        } catch .notFound { return false }
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

    /// Early, so that nobody sends terabytes for a name that is taken. It is looked at again before the parts are put together.
    func refuseTakenName(_ name: String, of owner: Owner) async throws(SessionFailure) {
        let existing: File?
        do { existing = try await FileStore.find(name: name, of: owner, on: pool) } catch {
            throw .database(error)
        }
        if let existing { throw .nameTaken(name: existing.name, existing: existing.id) }
    }

    /// The store's multipart upload of the session, opened if need be. Of several requests that open one at the same time one
    /// wins; the others abort theirs.
    func multipartID(of session: UploadSession) async throws(SessionFailure) -> String {
        var session = session
        var lostAnswerCount = 0
        while true {
            if let id = session.multipartID { return id }
            try requireOpen(session)
            do throws(SessionFailure) { try await openMultipart(session) } catch {
                // Whatever the lost answer told of is found and aborted when the session ends.
                guard case .store(.outcomeUnknown) = error, lostAnswerCount < 2 else { throw error }
                lostAnswerCount += 1
            }
            session = try await reread(session)
        }
    }

    private func openMultipart(_ session: UploadSession) async throws(SessionFailure) {
        let upload = session.upload
        do {
            try faults.reach(.beforeMultipartOpened)
            guard let opening = try await UploadStore.noteOpening(of: upload.id, on: pool) else { return }
            let opened = try await store.createMultipartUpload(
                upload.objectKey.text,
                contentType: upload.contentType,
                metadata: upload.objectMetadata,
                checksum: session.checksum
            )
            try faults.reach(.afterMultipartOpened)
            guard
                try await UploadStore.keepMultipartID(opened, of: upload.id, opening: opening, on: pool)
            else {
                return try await store.abortMultipartUpload(upload.objectKey.text, uploadID: opened)
            }
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
