import Determinism
import Digests

import struct FoundationEssentials.UUID

/// What the database says of one object key.
struct RowFacts: Sendable {
    struct File: Sendable {
        let state: FileState
        let version: Int64
        /// Bytes.
        let size: Int64
        let etag: String
        /// Nil as long as nobody has read the bytes.
        let sha256: Digest256?
        let createdAt: Timestamp
    }

    /// What a finding names.
    struct Names: Sendable {
        /// Of the file that exists, or would.
        let fileID: UUID
        let tenant: String
        /// The store's, when one was recorded.
        let multipartID: String?
    }

    let key: KeyText
    let uploadID: UUID
    let uploadState: UploadState
    let file: File?
    /// A hash of everything of the row that a check compares.
    var digest: Int64 = 0
    /// Nil of a row that came with its page: a suspect is looked up again, by its key.
    var names: Names?

    /// Whether nothing has happened between two readings. Neither an upload's state nor a file's version ever goes back.
    func isUnchanged(since earlier: RowFacts?) -> Bool {
        guard let earlier, uploadID == earlier.uploadID, uploadState == earlier.uploadState else {
            return false
        }
        return file?.version == earlier.file?.version && file?.state == earlier.file?.state
    }
}

/// What the store says of one object.
struct ObjectState: Equatable, Sendable {
    /// Bytes.
    let size: Int64
    /// Empty when the store gave none.
    let etag: String
}

/// What an object and its row say of each other, and what is wrong with that.
struct Verdict: Equatable, Sendable {
    let kind: FindingKind
    let detail: String
}

extension Verdict {
    /// Nil when the two agree, or when the row's state allows both an object and none.
    init?(_ key: KeyText, _ object: ObjectState?, _ row: RowFacts?) {
        guard let row else {
            guard object != nil else { return nil }
            let isOurs = ObjectKeyForm.isOurs(key)
            self.init(kind: .orphanObject, detail: isOurs ? "no row has this key" : "not a key of ours")
            return
        }
        guard let file = row.file else {
            self.init(row.uploadState, object)
            return
        }
        switch file.state {
        case .available, .deleted: self.init(file, object)
        case .purged:
            guard object != nil else { return nil }
            self.init(kind: .orphanObject, detail: "the file is PURGED: its bytes were proven gone")
        // A file that is QUARANTINED is known not to be what was stored; of one that is PURGING the bytes are going.
        case .quarantined, .purging: return nil
        }
    }

    /// Of an upload without a file.
    private init?(_ upload: UploadState, _ object: ObjectState?) {
        switch upload {
        case .reaped:
            guard object != nil else { return nil }
            self.init(kind: .orphanObject, detail: "the upload is REAPED: its bytes were proven gone")
        // Both are written together, with one key.
        case .completed:
            self.init(kind: .stuckState, detail: "the upload is COMPLETED, but no file of it has its key")
        // It is still coming, or about to be removed.
        case .pending, .active, .completing, .failed, .aborted, .expired: return nil
        }
    }

    /// Of a file whose bytes must be there.
    private init?(_ file: RowFacts.File, _ object: ObjectState?) {
        guard let object else {
            self.init(
                kind: .missingObject,
                detail: "the file is \(file.state.rawValue), its object is not there"
            )
            return
        }
        if object.size != file.size {
            self.init(
                kind: .sizeMismatch,
                detail: "the object has \(object.size) bytes where \(file.size) were stored"
            )
        } else if !object.etag.isEmpty, !file.etag.isEmpty, object.etag != file.etag {
            self.init(kind: .digestMismatch, detail: "etag: \(object.etag) where \(file.etag) was stored")
        } else {
            return nil
        }
    }
}
