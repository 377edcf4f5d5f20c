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
        let cause: StoreFailure
        /// Whether the same call may succeed later.
        let mayPass: Bool
    }

    /// May be called again after any failure, by any process, with the same parts.
    func object(of session: UploadSession, _ parts: [CompletedPart]) async throws(Failure)
        -> TransferredObject
    {
        guard let multipartID = session.multipartID else {
            throw Failure(cause: .notFound(code: "NoSuchUpload"), mayPass: false)
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
            guard error.leavesCompletionOpen else {
                throw Failure(cause: error, mayPass: !error.isAboutParts)
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
            throw Failure(cause: error, mayPass: true)
        }
        guard let facts else {
            throw Failure(cause: unclear ?? .unexpectedAnswer("completed, but not there"), mayPass: true)
        }
        guard facts.size == session.plan.size, facts.metadata["upload-id"] == session.upload.id.text else {
            throw Failure(
                cause: .unexpectedAnswer(
                    "the object has \(facts.size) bytes of upload \(facts.metadata["upload-id"] ?? "unknown")"
                ),
                mayPass: false
            )
        }
        return TransferredObject(
            size: facts.size,
            sha256: session.upload.declaredSHA256,
            etag: facts.etag
        )
    }

    /// The completed upload is no longer open, so whatever is open under its key was never used.
    func abortStrays(of session: UploadSession) async throws(StoreFailure) {
        let key = session.upload.objectKey.text
        var marker: UploadsPage.Marker?
        repeat {
            let page = try await store.listMultipartUploads(prefix: key, after: marker, limit: 1_000)
            for upload in page.uploads where upload.key == key {
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
