import Digests
import EventContracts
import NIOCore
import ObjectStore

/// Reads a file's bytes back and compares them with what was acknowledged.
struct ObjectVerifier: Sendable {
    let store: any ObjectStore

    enum Verdict: Sendable {
        /// - Parameter byteCount: how many bytes were looked at for text.
        case genuine(sha256: String, byteCount: Int64, text: ExtractedText)
        case rejected(RejectedFile)
    }

    /// - Throws: when the store did not answer fully: then nothing is known.
    func verify(_ file: StoredFile) async throws -> Verdict {
        let download: ObjectDownload
        do {
            download = try await store.get(file.objectKey)
        } catch .notFound(code: "NoSuchKey") {
            return .rejected(file.rejected(.objectMissing, size: nil, sha256: nil))
        }
        guard download.length == file.size else {
            return .rejected(file.rejected(.sizeMismatch, size: download.length, sha256: nil))
        }
        var hasher = SHA256Hasher()
        var beginning: [UInt8] = []
        for try await buffer in download.body {
            buffer.withUnsafeReadableBytes { hasher.update($0) }
            let wanted = ExtractedText.byteLimit - beginning.count
            if wanted > 0 { beginning += buffer.readableBytesView.prefix(wanted) }
        }
        let sha256 = hasher.finalize().hex
        guard sha256 == file.sha256 else {
            return .rejected(file.rejected(.digestMismatch, size: file.size, sha256: sha256))
        }
        return .genuine(
            sha256: sha256,
            byteCount: Int64(beginning.count),
            text: ExtractedText(contentType: file.contentType, name: file.name, bytes: beginning)
        )
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
