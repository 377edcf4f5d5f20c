import Determinism
import Digests
import EventContracts
import SagaEngine
import SortedJSON
import Synchronization

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import struct FoundationEssentials.UUID

/// An upload whose bytes this process receives.
struct ArrivingUpload: Sendable {
    let upload: Upload
    /// Bytes, when known before the first one comes.
    let length: Int64?
    let body: TalliedBody
    /// Stores the answer in the transaction that stores the file.
    let keyed: KeyedAnswer<File>?

    /// Of the process that receives the bytes.
    let signOfLife: SignOfLife

    /// - Parameter byteLimit: the largest file the service takes.
    init(
        _ upload: Upload,
        _ source: UploadSource,
        _ keyed: KeyedAnswer<File>? = nil,
        byteLimit: Int64,
        signOfLife: SignOfLife
    ) {
        self.upload = upload
        self.keyed = keyed
        self.signOfLife = signOfLife
        length = source.length
        body = TalliedBody(
            source,
            limit: byteLimit,
            expecting: ExpectedBody(size: upload.declaredSize, sha256: upload.declaredSHA256),
            signOfLife: signOfLife
        )
    }
}

/// What the steps of one upload share while a process drives them.
final class UploadContext: Sendable {
    let stored: StoredUpload
    /// Nil in a process that did not receive the request: there are no bytes to send.
    let arriving: ArrivingUpload?
    private let progress = Mutex(Progress())

    struct Progress {
        var object: TransferredObject?
        var file: File?
        var failure: UploadFailure?
    }

    /// In the process that receives the bytes.
    init(_ arriving: ArrivingUpload) {
        stored = StoredUpload(arriving.upload)
        self.arriving = arriving
    }

    /// In a process that takes over.
    init(takenOver stored: StoredUpload) {
        self.stored = stored
        arriving = nil
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

    func encoded() throws -> String { try SortedJSON.text(of: self) }

    static func decode(_ text: String) throws -> StoredUpload {
        try JSONDecoder().decode(StoredUpload.self, from: Data(text.utf8))
    }
}

extension StoredUpload {
    init(_ upload: Upload) {
        self.init(
            uploadID: upload.id,
            fileID: upload.fileID,
            tenant: upload.tenant,
            owner: upload.owner,
            objectKey: upload.objectKey.text
        )
    }
}
