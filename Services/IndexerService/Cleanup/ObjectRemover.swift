import ObjectStore
import ServiceParts

/// What a removal found and removed.
struct RemovedObjects: Equatable, Sendable {
    /// Delete markers included.
    var versionCount: Int64 = 0
    /// Open multipart uploads that the store listed.
    var uploadCount: Int64 = 0

    var isNothing: Bool { versionCount == 0 && uploadCount == 0 }
}

/// Removes everything under one key, and proves it.
struct ObjectRemover: Sendable {
    let store: any ObjectStore
    let bucket: BucketIdentity

    /// - Parameter multipartID: the upload our own ledger knows of: some stores do not list them after a restart.
    /// - Throws: when anything could not be listed or removed; what is gone is gone, the rest is still there.
    func remove(_ key: String, multipartID: String?) async throws(StoreFailure) -> RemovedObjects {
        try await bucket.confirm()
        var removed = RemovedObjects()
        if let multipartID { try await store.abortMultipartUpload(key, uploadID: multipartID) }
        for upload in try await openUploads(of: key) {
            try await store.abortMultipartUpload(key, uploadID: upload)
            removed.uploadCount += 1
        }
        for version in try await versions(of: key) {
            try await store.delete(key, versionID: version)
            removed.versionCount += 1
        }
        guard try await isAbsent(key) else {
            throw .unavailable(reason: "the object is still there after its removal", retryAfter: nil)
        }
        return removed
    }

    /// Whether nothing is left: no object, no version, no delete marker, no open multipart upload.
    func isAbsent(_ key: String) async throws(StoreFailure) -> Bool {
        guard try await store.head(key) == nil, try await versions(of: key).isEmpty else { return false }
        guard try await openUploads(of: key).isEmpty else { return false }
        // In another bucket everything is absent.
        try await bucket.confirm()
        return true
    }

    private func versions(of key: String) async throws(StoreFailure) -> [String] {
        var found: [String] = []
        var marker: VersionPage.Marker?
        repeat {
            let page = try await store.listVersions(prefix: key, after: marker, limit: 1_000)
            found += page.versions.filter { $0.key == key }.map(\.versionID)
            marker = page.next
        } while marker != nil
        return found
    }

    private func openUploads(of key: String) async throws(StoreFailure) -> [String] {
        var found: [String] = []
        var marker: UploadsPage.Marker?
        repeat {
            let page = try await store.listMultipartUploads(prefix: key, after: marker, limit: 1_000)
            found += page.uploads.filter { $0.key == key }.map(\.uploadID)
            marker = page.next
        } while marker != nil
        return found
    }
}
