import Determinism
import Digests
import EventContracts
import Synchronization

import struct FoundationEssentials.Data
import struct FoundationEssentials.UUID
import class FoundationEssentials.JSONDecoder
import class FoundationEssentials.JSONEncoder

/// What the steps of one upload share while a process drives them.
final class UploadContext: Sendable {
    let upload: Upload
    /// Nil in a process that did not receive the request: there are no bytes to send.
    let source: UploadSource?
    private let progress = Mutex(Progress())

    struct Progress {
        var object: TransferredObject?
        var file: File?
        var failure: UploadFailure?
    }

    init(_ upload: Upload, source: UploadSource?) {
        self.upload = upload
        self.source = source
    }

    /// In the store, verified against what the client declared.
    var object: TransferredObject? { progress.withLock { $0.object } }
    /// The committed row.
    var file: File? { progress.withLock { $0.file } }
    /// The first failure; the answer to the client.
    var failure: UploadFailure? { progress.withLock { $0.failure } }

    func record(_ object: TransferredObject) { progress.withLock { $0.object = object } }
    func record(_ file: File) { progress.withLock { $0.file = file } }
    func record(_ failure: UploadFailure) {
        progress.withLock { if $0.failure == nil { $0.failure = failure } }
    }
}

/// What is stored with the saga: enough to discard the upload in another process.
struct StoredUpload: Codable, Sendable {
    let uploadID: UUID
    let fileID: UUID
    let tenant: String
    let owner: String
    let objectKey: String

    init(_ upload: Upload) {
        uploadID = upload.id
        fileID = upload.fileID
        tenant = upload.tenant
        owner = upload.owner
        objectKey = upload.objectKey.text
    }

    func encoded() throws -> String {
        String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
    }

    static func decode(_ text: String) throws -> StoredUpload {
        try JSONDecoder().decode(StoredUpload.self, from: Data(text.utf8))
    }
}
