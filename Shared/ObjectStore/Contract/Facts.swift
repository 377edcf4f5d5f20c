public import Determinism

/// A key, and one of its versions where that matters.
public struct ObjectIdentifier: Hashable, Sendable {
    public let key: String
    public let versionID: String?

    public init(key: String, versionID: String? = nil) {
        self.key = key
        self.versionID = versionID
    }
}

/// What a write left behind.
public struct StoredObject: Equatable, Sendable {
    /// Empty when the store gave none.
    public let etag: String
    public let versionID: String?

    public init(etag: String, versionID: String? = nil) {
        self.etag = etag
        self.versionID = versionID
    }
}

/// What a completed upload is, as told by the answer; some stores leave the ETag empty, so take facts from `head`.
public struct CompletedUpload: Equatable, Sendable {
    public let etag: String
    public let versionID: String?

    public init(etag: String, versionID: String? = nil) {
        self.etag = etag
        self.versionID = versionID
    }
}

/// What the store knows of one object. Metadata names are lower case.
public struct ObjectFacts: Equatable, Sendable {
    public let size: Int64
    public let etag: String
    public let contentType: String?
    public let metadata: [String: String]
    public let lastModified: Timestamp?
    public let versionID: String?
    /// Base64, where the store keeps one; for a multipart object it may be a composite (`…-3`).
    public let checksumSHA256: String?

    public init(
        size: Int64,
        etag: String,
        contentType: String? = nil,
        metadata: [String: String],
        lastModified: Timestamp? = nil,
        versionID: String? = nil,
        checksumSHA256: String? = nil
    ) {
        self.size = size
        self.etag = etag
        self.contentType = contentType
        self.metadata = metadata
        self.lastModified = lastModified
        self.versionID = versionID
        self.checksumSHA256 = checksumSHA256
    }
}

/// One key's outcome of a batch delete.
public struct DeleteResult: Sendable {
    public let object: ObjectIdentifier
    /// Nil when it is gone.
    public let failure: StoreFailure?

    public init(object: ObjectIdentifier, failure: StoreFailure? = nil) {
        self.object = object
        self.failure = failure
    }
}
