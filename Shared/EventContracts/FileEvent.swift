public import Correlation
public import Determinism

public import struct FoundationEssentials.UUID

/// One fact about one version of one file. Both services speak to each other in these and in nothing else.
public struct FileEvent: Equatable, Sendable {
    let head: EventHead
    /// What happened, with the fields only this type has.
    public let detail: Detail
    /// The trace the event came with; it is not part of what the event says.
    public var trace: TraceContext?

    /// - Parameters:
    ///   - version: the file's version the event tells of; on the index topic, of the event that is answered.
    ///   - occurredAt: when that version came to be, from the stored row, so that every copy is byte-identical.
    public init(
        fileID: UUID,
        version: Int64,
        tenant: String,
        owner: String,
        occurredAt: Timestamp,
        detail: Detail
    ) {
        head = EventHead(
            fileID: fileID,
            version: version,
            tenant: tenant,
            owner: owner,
            occurredAt: occurredAt
        )
        self.detail = detail
    }

    init(head: EventHead, detail: Detail) {
        self.head = head
        self.detail = detail
    }

    public static func == (left: FileEvent, right: FileEvent) -> Bool {
        left.head == right.head && left.detail == right.detail
    }

    public var fileID: UUID { head.fileID }
    /// 1 or more; rises by one with every change a reader could notice.
    public var version: Int64 { head.version }
    public var tenant: String { head.tenant }
    public var owner: String { head.owner }
    public var occurredAt: Timestamp { head.occurredAt }

    public enum Detail: Equatable, Sendable {
        case stored(StoredFile)
        case deleted(DeletedFile)
        /// Carries what `stored` carries, so that a consumer that joins late can build the whole row.
        case restored(StoredFile)
        case purging(PurgingFile)
        case purged
        case quarantined(QuarantinedFile)
        case uploadDiscarded(DiscardedUpload)
        case objectQuarantined(QuarantinedObject)
        case objectUnquarantined(UnquarantinedObject)
        case multipartLeaked(LeakedMultipart)

        case indexed(IndexedFile)
        case rejected(RejectedFile)
        case bytesRemoved(RemovedBytes)
        case removalStalled(StalledRemoval)
        case uploadBytesRemoved(RemovedUpload)
        case objectTrashed(TrashedObject)
        case objectRestored(RestoredObject)
        case objectKept(KeptObject)
        case multipartAborted(LeakedMultipart)
    }

    public var type: EventType {
        switch detail {
        case .stored: .fileStored
        case .deleted: .fileDeleted
        case .restored: .fileRestored
        case .purging: .filePurging
        case .purged: .filePurged
        case .quarantined: .fileQuarantined
        case .uploadDiscarded: .uploadDiscarded
        case .objectQuarantined: .objectQuarantined
        case .objectUnquarantined: .objectUnquarantined
        case .multipartLeaked: .multipartLeaked
        case .indexed: .fileIndexed
        case .rejected: .fileRejected
        case .bytesRemoved: .fileBytesRemoved
        case .removalStalled: .fileRemovalStalled
        case .uploadBytesRemoved: .uploadBytesRemoved
        case .objectTrashed: .objectTrashed
        case .objectRestored: .objectRestored
        case .objectKept: .objectKept
        case .multipartAborted: .multipartAborted
        }
    }

    /// CloudEvents `id`: a function of file, version and (on the index topic) type, so a repeat is recognised.
    public var id: String {
        switch type.topic {
        case .files: "\(fileID.text).\(version)"
        case .index: "\(fileID.text).\(version).\(type.rawValue)"
        }
    }

    /// The Kafka key.
    public var key: String { fileID.text }
}

/// What every payload starts from.
struct EventHead: Equatable, Sendable, Codable {
    @CanonicalUUID var fileID: UUID
    let version: Int64
    let tenant: String
    let owner: String
    @RFC3339Text var occurredAt: Timestamp

    enum CodingKeys: String, CodingKey {
        case fileID = "file_id"
        case version, tenant, owner
        case occurredAt = "occurred_at"
    }
}
