import Determinism
import Digests
import EventContracts

import struct FoundationEssentials.UUID

/// A stored file, as its row says.
struct File: Sendable {
    let id: UUID
    let uploadID: UUID
    let tenant: String
    let owner: String
    let name: String
    let contentType: String
    /// Bytes.
    let size: Int64
    /// As stated when the file was stored, which is for ever; nil when nobody had read the bytes.
    let sha256: Digest256?
    /// As the indexer computed it from the stored bytes; nil until then.
    let verifiedSHA256: Digest256?
    let objectKey: ObjectKey
    let etag: String
    let state: FileState
    /// Rises with every change a reader could notice: by one, or into a new epoch (`FileVersion`).
    let version: Int64
    let indexState: IndexState
    let quarantineReason: String?
    /// When a deleted file stops being restorable.
    let deleteAfter: Timestamp?
    let createdAt: Timestamp
    let updatedAt: Timestamp
}

/// What the indexer has made of a file.
enum IndexState: String, CaseIterable, Sendable {
    case pending = "PENDING"
    case indexed = "INDEXED"
    case rejected = "REJECTED"
}

extension File {
    /// What is known of the bytes by now.
    var knownSHA256: Digest256? { sha256 ?? verifiedSHA256 }

    /// The event that tells of this row's version: a function of the row alone, so that every copy of it has the same
    /// bytes, however often and wherever it is made.
    var stateEvent: FileEvent {
        FileEvent(
            fileID: id,
            version: version,
            tenant: tenant,
            owner: owner,
            occurredAt: updatedAt,
            detail: stateDetail
        )
    }

    private var stateDetail: FileEvent.Detail {
        switch state {
        case .available where FileVersion.isFirst(version): .stored(storedFile)
        case .available: .restored(storedFile)
        case .deleted: .deleted(DeletedFile(name: name, deleteAfter: deleteAfter ?? updatedAt))
        case .purging: .purging(PurgingFile(objectKey: objectKey.text, s3UploadID: nil))
        case .purged: .purged
        case .quarantined: .quarantined(QuarantinedFile(name: name, reason: quarantineReason ?? ""))
        }
    }

    private var storedFile: StoredFile {
        StoredFile(
            uploadID: uploadID,
            name: name,
            contentType: contentType,
            size: size,
            sha256: sha256?.hex,
            objectKey: objectKey.text,
            etag: etag
        )
    }
}
