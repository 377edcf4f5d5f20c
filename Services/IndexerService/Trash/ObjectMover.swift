import Digests
import NIOCore
import ObjectStore

/// Copies one object inside the bucket, and proves that the copy has the same bytes.
struct ObjectMover: Sendable {
    let store: any ObjectStore
    /// The largest object the store copies by itself, in bytes.
    var copyLimit: Int64 = 5 << 30

    /// Makes `destination` a copy of `source`; one that is there and has the same bytes is left as it is. May be repeated.
    ///
    /// - Throws: unless the bytes were proven to be the same.
    func copy(_ source: String, _ facts: ObjectFacts, to destination: String) async throws(StoreFailure) {
        if try await isSame(source, facts, destination) { return }
        if facts.size <= copyLimit {
            _ = try await store.copy(from: source, to: destination, metadata: nil)
        } else {
            try await stream(source, facts, to: destination)
        }
        guard try await isSame(source, facts, destination) else {
            throw .unavailable(reason: "the copy of \(source) has other bytes", retryAfter: nil)
        }
    }

    /// Whether both have the same bytes: told by their ETags where these are alike, and else by reading them.
    func isSame(_ source: String, _ facts: ObjectFacts, _ destination: String) async throws(StoreFailure)
        -> Bool
    {
        guard let copy = try await store.head(destination), copy.size == facts.size else { return false }
        if !copy.etag.isEmpty, copy.etag == facts.etag { return true }
        return try await digest(of: source, facts.etag) == digest(of: destination, copy.etag)
    }

    private func stream(
        _ source: String,
        _ facts: ObjectFacts,
        to destination: String
    ) async throws(StoreFailure) {
        try await abortUploads(of: destination)
        let download = try await store.get(source, range: nil, ifMatch: facts.etag)
        do {
            _ = try await store.upload(
                destination,
                download.body,
                contentType: facts.contentType,
                metadata: facts.metadata
            ) { _ in }
        } catch { throw error.failure }
    }

    /// Of an attempt that died.
    private func abortUploads(of key: String) async throws(StoreFailure) {
        var marker: UploadsPage.Marker?
        repeat {
            let page = try await store.listMultipartUploads(prefix: key, after: marker, limit: 1_000)
            for upload in page.uploads where upload.key == key {
                try await store.abortMultipartUpload(key, uploadID: upload.uploadID)
            }
            marker = page.next
        } while marker != nil
    }

    /// - Throws: also when the object changed meanwhile.
    private func digest(of key: String, _ etag: String) async throws(StoreFailure) -> Digest256 {
        let download = try await store.get(key, range: nil, ifMatch: etag.isEmpty ? nil : etag)
        var hasher = SHA256Hasher()
        do {
            for try await bytes in download.body {
                bytes.withUnsafeReadableBytes { hasher.update($0) }
            }
        } catch let failure as StoreFailure { throw failure } catch {
            throw .unavailable(reason: "\(error)", retryAfter: nil)
        }
        return hasher.finalize()
    }
}
