import Digests
import EventContracts
import NIOCore
import ObjectStore
import ServiceParts

/// Reads a file's bytes back and compares them with what was acknowledged: always the size, and the digest where one
/// was stated.
struct ObjectVerifier: Sendable {
    let store: any ObjectStore
    let bucket: BucketIdentity

    enum Verdict: Sendable {
        /// - Parameter byteCount: how many bytes were looked at for text.
        case genuine(sha256: String, byteCount: Int64, text: ExtractedText)
        case rejected(RejectedFile)
    }

    /// - Throws: when the store did not answer fully: then nothing is known.
    func verify(_ file: StoredFile) async throws -> Verdict {
        guard let download = try await open(file.objectKey) else {
            // In another bucket everything is missing.
            try await bucket.confirm()
            return .rejected(file.rejected(.objectMissing, size: nil, sha256: nil))
        }
        guard download.length == file.size else {
            return .rejected(file.rejected(.sizeMismatch, size: download.length, sha256: nil))
        }
        let content = try await read(download.body)
        guard file.sha256 == nil || file.sha256 == content.sha256 else {
            return .rejected(file.rejected(.digestMismatch, size: file.size, sha256: content.sha256))
        }
        return .genuine(
            sha256: content.sha256,
            byteCount: Int64(content.beginning.count),
            text: ExtractedText(contentType: file.contentType, name: file.name, bytes: content.beginning)
        )
    }

    /// Nil when the store says that the object does not exist.
    private func open(_ key: String) async throws(StoreFailure) -> ObjectDownload? {
        do { return try await store.get(key) } catch {
            if case .notFound("NoSuchKey") = error { return nil }
            throw error
        }
    }

    private func read(_ body: DownloadBody) async throws -> (sha256: String, beginning: [UInt8]) {
        var hasher = SHA256Hasher()
        var beginning: [UInt8] = []
        for try await buffer in body {
            buffer.withUnsafeReadableBytes { hasher.update($0) }
            let wanted = ExtractedText.byteLimit - beginning.count
            if wanted > 0 { beginning += buffer.readableBytesView.prefix(wanted) }
        }
        return (hasher.finalize().hex, beginning)
    }
}

extension StoredFile {
    fileprivate func rejected(_ reason: RejectedFile.Reason, size: Int64?, sha256: String?) -> RejectedFile {
        RejectedFile(
            reason: reason,
            expectedSize: self.size,
            actualSize: size,
            expectedSHA256: self.sha256,
            actualSHA256: sha256
        )
    }
}
