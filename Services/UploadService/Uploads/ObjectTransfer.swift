import Determinism
import Digests
import EventContracts
import NIOCore
import ObjectStore
import PostgresClient
import Synchronization

/// Moves one file's bytes from the request into the store: streamed, counted and hashed on the way, nothing on
/// local disk, at most two parts in memory.
struct ObjectTransfer: Sendable {
    let store: any ObjectStore
    let pool: PostgresPool

    /// - Throws: `UploadFailure`. Whatever is left in the store lies under the upload's own key.
    func send(_ arriving: ArrivingUpload) async throws(UploadFailure) -> TransferredObject {
        let (upload, body) = (arriving.upload, arriving.body)
        let etag: String
        if let length = arriving.length, length <= store.profile.partSizeLimit {
            etag = try await withTaskExecutorPreference(body.executor) { () async throws(UploadFailure) in
                try await put(body, length: length, of: upload)
            }
        } else {
            // Not there: a part is hashed for its signature in one go.
            etag = try await stream(body, of: upload)
        }
        guard let tally = body.tally else {
            throw .store(.unexpectedAnswer("a success before the body had ended"))
        }
        return TransferredObject(size: tally.byteCount, sha256: tally.sha256, etag: etag)
    }

    private func put(
        _ body: TalliedBody,
        length: Int64,
        of upload: Upload
    ) async throws(UploadFailure) -> String {
        do {
            return try await store.put(
                upload.objectKey.text,
                body: .stream(length: length, body),
                contentType: upload.contentType,
                metadata: upload.objectMetadata,
                ifNoneMatchAny: false
            ).etag
        } catch { return try await resolve(error, body, of: upload) }
    }

    private func stream(_ body: TalliedBody, of upload: Upload) async throws(UploadFailure) -> String {
        do {
            return try await store.upload(
                upload.objectKey.text,
                body,
                contentType: upload.contentType,
                metadata: upload.objectMetadata
            ) { multipartID in
                guard try await UploadStore.saveMultipartID(multipartID, of: upload.id, on: pool) else {
                    throw UploadFailure.lost
                }
            }.object.etag
        } catch { return try await resolve(error.failure, body, of: upload) }
    }

    /// An answer that was lost is looked up: the key is this attempt's own, so what lies there is ours.
    private func resolve(
        _ failure: StoreFailure,
        _ body: TalliedBody,
        of upload: Upload
    ) async throws(UploadFailure) -> String {
        switch failure {
        case .bodyFailed(let reason as UploadFailure): throw reason
        case .bodyFailed(let reason as BodyLengthMismatch):
            throw .sizeMismatch(declared: reason.declared, received: reason.received)
        case .bodyFailed(let reason as DatabaseError): throw .database(reason)
        case .bodyFailed(let reason): throw .bodyFailed(reason)
        case .outcomeUnknown where body.tally != nil: break
        case .cancelled where Task.isCancelled: throw .bodyFailed(CancellationError())
        case .notFound, .refused, .unavailable, .outcomeUnknown, .rangeNotSatisfiable, .preconditionFailed,
            .unexpectedAnswer, .cancelled:
            throw .store(failure)
        }
        do {
            if let facts = try await store.head(upload.objectKey.text), facts.size == body.byteCount {
                return facts.etag
            }
        } catch { throw .store(error) }
        throw .store(failure)
    }
}
