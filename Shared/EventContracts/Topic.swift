/// The topics Waybill writes. Key = file id, so all events of one file stay in one partition and in order.
public enum Topic: String, CaseIterable, Sendable {
    /// What happened to files; written by UploadService.
    case files = "waybill.files.v1"
    /// What the index made of it; written by IndexerService.
    case index = "waybill.index.v1"

    /// The name Kafka knows the topic by.
    public var name: String { rawValue }

    /// CloudEvents `source` of everything on this topic.
    public var source: String {
        switch self {
        case .files: "/waybill/upload-service"
        case .index: "/waybill/indexer-service"
        }
    }
}

/// CloudEvents `type`. Optional fields may be added to a type; a new meaning is a new type.
public enum EventType: String, CaseIterable, Sendable {
    case fileStored = "file.stored"
    case fileDeleted = "file.deleted"
    case fileRestored = "file.restored"
    case filePurging = "file.purging"
    case filePurged = "file.purged"
    case fileQuarantined = "file.quarantined"
    case uploadDiscarded = "upload.discarded"
    /// Orders of a repair: their key is not a file's id but made from the object's key.
    case objectQuarantined = "object.quarantined"
    case objectUnquarantined = "object.unquarantined"
    case multipartLeaked = "multipart.leaked"

    case fileIndexed = "file.indexed"
    case fileRejected = "file.rejected"
    case fileBytesRemoved = "file.bytes_removed"
    case fileRemovalStalled = "file.removal_stalled"
    case uploadBytesRemoved = "upload.bytes_removed"
    case objectTrashed = "object.trashed"
    case objectRestored = "object.restored"
    case objectKept = "object.kept"
    case multipartAborted = "multipart.aborted"

    public var topic: Topic {
        switch self {
        case .fileStored, .fileDeleted, .fileRestored, .filePurging, .filePurged, .fileQuarantined,
            .uploadDiscarded, .objectQuarantined, .objectUnquarantined, .multipartLeaked:
            .files
        case .fileIndexed, .fileRejected, .fileBytesRemoved, .fileRemovalStalled, .uploadBytesRemoved,
            .objectTrashed, .objectRestored, .objectKept, .multipartAborted:
            .index
        }
    }
}
