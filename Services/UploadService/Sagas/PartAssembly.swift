import Determinism
import EventContracts
import ObjectStore

/// Has the store put parts together, and finds out what became of it when the answer does not say.
///
/// A lost answer may have been a success. So `NoSuchUpload` is never taken for a failure, nor an object under the key for a success
/// by itself: it must have the right size and bear this upload's id.
struct PartAssembly: Sendable {
    let store: any ObjectStore

    struct Failure: Error, Sendable {
        enum Kind: Sendable {
            /// The store cannot be asked, or refuses for a reason that is not the upload's: it says nothing about the parts.
            case away
            /// The store was asked, and has made no object.
            case notMade
            /// The store does not take the list: parts have changed since it was made.
            case partsChanged
            /// What lies under the key is not this upload's.
            case foreign
        }

        let cause: StoreFailure
        let kind: Kind
    }

    /// May be called again after any failure, by any process, with the same parts.
    func object(of session: UploadSession, _ parts: [CompletedPart]) async throws(Failure)
        -> TransferredObject
    {
        guard let multipartID = session.multipartID else {
            throw Failure(cause: .notFound(code: "NoSuchUpload"), kind: .foreign)
        }
        var unclear: StoreFailure?
        do {
            _ = try await store.completeMultipartUpload(
                session.upload.objectKey.text,
                uploadID: multipartID,
                parts: parts,
                ifNoneMatchAny: store.profile.conditionalWritesEnforced
            )
        } catch {
            guard error.leavesCompletionOpen || error.isAboutParts else {
                throw Failure(cause: error, kind: .away)
            }
            unclear = error
        }
        return try await look(session, after: unclear)
    }

    private func look(
        _ session: UploadSession,
        after unclear: StoreFailure?
    ) async throws(Failure) -> TransferredObject {
        let facts: ObjectFacts?
        do { facts = try await store.head(session.upload.objectKey.text) } catch {
            throw Failure(cause: error, kind: .away)
        }
        guard let facts else {
            throw Failure(
                cause: unclear ?? .unexpectedAnswer("completed, but not there"),
                kind: unclear?.isAboutParts == true ? .partsChanged : .notMade
            )
        }
        guard facts.size == session.plan.size, facts.metadata["upload-id"] == session.upload.id.text else {
            throw Failure(
                cause: .unexpectedAnswer(
                    "the object has \(facts.size) bytes of upload \(facts.metadata["upload-id"] ?? "unknown")"
                ),
                kind: .foreign
            )
        }
        return TransferredObject(
            size: facts.size,
            sha256: session.upload.declaredSHA256,
            etag: facts.etag
        )
    }

    /// What to put together now that parts have changed: a direct part as it is, since that is its client's own doing, if it has the
    /// checksum it was announced with; one that came through the service only if it is still what was acknowledged.
    ///
    /// - Returns: nil when some part will not do any more.
    func relisted(
        _ session: UploadSession,
        _ ledger: [LedgerPart]
    ) async throws(StoreFailure) -> [CompletedPart]? {
        guard let multipartID = session.multipartID else { return nil }
        let listed = try await store.allParts(session.upload.objectKey.text, uploadID: multipartID)
        let binding = ledger.map { part in
            guard part.sha256 == nil else { return part }
            let checksum = session.checksum == nil ? nil : part.checksum
            return LedgerPart(
                number: part.number,
                sha256: nil,
                etag: nil,
                checksum: checksum,
                isArriving: false
            )
        }
        let seen = SeenParts(session.plan, session.checksum, listed: listed, ledger: binding)
        return seen.isComplete ? seen.parts.map(\.completed) : nil
    }

    /// Whatever else is open under the key was never used. The completed upload itself may still be listed for a moment: on some
    /// stores an abort would then take away what the object rests on.
    func abortStrays(of session: UploadSession) async throws(StoreFailure) {
        let key = session.upload.objectKey.text
        var marker: UploadsPage.Marker?
        repeat {
            let page = try await store.listMultipartUploads(prefix: key, after: marker, limit: 1_000)
            for upload in page.uploads where upload.key == key && upload.uploadID != session.multipartID {
                try await store.abortMultipartUpload(key, uploadID: upload.uploadID)
            }
            marker = page.next
        } while marker != nil
    }
}

extension StoreFailure {
    /// Whether the object may be there although the call failed.
    fileprivate var leavesCompletionOpen: Bool {
        switch self {
        case .notFound("NoSuchUpload"), .preconditionFailed, .outcomeUnknown: true
        case .notFound, .refused, .unavailable, .bodyFailed, .rangeNotSatisfiable, .unexpectedAnswer,
            .cancelled:
            false
        }
    }

    /// Whether the store will never make an object of these parts.
    fileprivate var isAboutParts: Bool {
        guard case .refused(_, let code, _) = self else { return false }
        return ["InvalidPart", "InvalidPartOrder", "EntityTooSmall", "EntityTooLarge"].contains(code)
    }
}
