/// A row of `uploads`.
public struct UploadRow: Equatable, Sendable {
    public var id: String
    public var fileID: String
    public var tenant: String
    public var objectKey: String
    public var state: String
    /// The store's id of the multipart upload that the row knows.
    public var multipartID: String?

    public init(
        id: String,
        fileID: String,
        tenant: String,
        objectKey: String,
        state: String,
        multipartID: String? = nil
    ) {
        self.multipartID = multipartID
        self.id = id
        self.fileID = fileID
        self.tenant = tenant
        self.objectKey = objectKey
        self.state = state
    }

    /// Its bytes are to go, and nobody can want them back.
    var isDoomed: Bool { ["FAILED", "ABORTED", "EXPIRED", "REAPED"].contains(state) }
    var isOpen: Bool { ["PENDING", "ACTIVE", "COMPLETING"].contains(state) }
}

/// A row of `files`.
public struct FileRow: Equatable, Sendable {
    public var id: String
    public var uploadID: String
    public var tenant: String
    public var owner: String
    public var name: String
    public var size: Int64
    /// As stated, else as verified; nil when neither is known yet.
    public var sha256: String?
    public var objectKey: String
    public var state: String
    public var version: Int64
    public var indexState: String
    /// In the trash, where its time is over.
    public var isToBePurged: Bool

    public init(
        id: String,
        uploadID: String,
        tenant: String,
        owner: String,
        name: String,
        size: Int64,
        sha256: String?,
        objectKey: String,
        state: String,
        version: Int64,
        indexState: String,
        isToBePurged: Bool = false
    ) {
        self.id = id
        self.uploadID = uploadID
        self.tenant = tenant
        self.owner = owner
        self.name = name
        self.size = size
        self.sha256 = sha256
        self.objectKey = objectKey
        self.state = state
        self.version = version
        self.indexState = indexState
        self.isToBePurged = isToBePurged
    }

    var isVisible: Bool { state == "AVAILABLE" || state == "QUARANTINED" }
}

/// A row of the indexer's `documents`.
public struct DocumentRow: Equatable, Sendable {
    public var fileID: String
    public var version: Int64
    public var state: String
    public var indexState: String
    public var name: String?
    public var size: Int64?
    public var sha256: String?
    public var objectKey: String?

    public init(
        fileID: String,
        version: Int64,
        state: String,
        indexState: String,
        name: String?,
        size: Int64?,
        sha256: String?,
        objectKey: String?
    ) {
        self.fileID = fileID
        self.version = version
        self.state = state
        self.indexState = indexState
        self.name = name
        self.size = size
        self.sha256 = sha256
        self.objectKey = objectKey
    }
}

/// A row of `consumer_offsets`.
public struct PositionRow: Equatable, Sendable {
    public var topic: String
    public var partition: Int
    public var nextOffset: Int64

    public init(topic: String, partition: Int, nextOffset: Int64) {
        self.topic = topic
        self.partition = partition
        self.nextOffset = nextOffset
    }
}

/// What the consumer of one topic has done with it.
public struct ConsumerEvidence: Equatable, Sendable {
    public var positions: [PositionRow] = []
    /// Event ids in the inbox.
    public var seen: Set<String> = []
    /// `partition@offset` of parked records.
    public var parked: Set<String> = []
    public init() {}
}

/// A saga that is not over.
public struct SagaRow: Equatable, Sendable {
    public var kind: String
    public var subject: String
    /// It waits for a time that has not come, and nothing has failed so far.
    public var isAsleep: Bool
    public var lastFailure: String?

    public init(kind: String, subject: String, isAsleep: Bool, lastFailure: String?) {
        self.kind = kind
        self.subject = subject
        self.isAsleep = isAsleep
        self.lastFailure = lastFailure
    }
}

/// All that can be known about a stack from outside at one moment. The invariants are pure functions of it.
public struct Evidence: Sendable {
    public var uploads: [UploadRow] = []
    public var files: [FileRow] = []
    public var sagas: [SagaRow] = []
    public var documents: [DocumentRow] = []
    public var records: [TopicRecord] = []
    public var indexRecords: [TopicRecord] = []
    /// The indexer reads the files topic, the upload service the index topic.
    public var filesConsumer = ConsumerEvidence()
    public var indexConsumer = ConsumerEvidence()
    public var hasVisibleNameIndex = true

    // Read last and only once things are quiet: this is what takes time.
    public var objects: [BucketObject] = []
    public var remains = BucketRemains()
    public var requests: [StoreRequest] = []
    public var remembered: [RememberedFile] = []

    public init() {}

    public var allRecords: [TopicRecord] { records + indexRecords }
}
