public import struct FoundationEssentials.UUID

/// `file.indexed`: the bytes were read back, had the stated digest if there is one, and can be found by search.
public struct IndexedFile: Equatable, Sendable, Codable {
    /// As computed by the indexer from the object's bytes.
    public let sha256: String
    /// How many bytes of the file were read for text; at most the first MiB.
    public let indexedBytes: Int64
    /// What the text was taken for, for example `plain`, `html`, `binary`: lower-case letters and `_`.
    public let textKind: String

    public init(sha256: String, indexedBytes: Int64, textKind: String) {
        self.sha256 = sha256
        self.indexedBytes = indexedBytes
        self.textKind = textKind
    }

    enum CodingKeys: String, CodingKey {
        case sha256
        case indexedBytes = "indexed_bytes"
        case textKind = "text_kind"
    }
}

/// `file.rejected`: what is in the bucket is not what was acknowledged.
public struct RejectedFile: Equatable, Sendable, Codable {
    public enum Reason: String, CaseIterable, Sendable, Codable {
        case digestMismatch = "digest_mismatch"
        case sizeMismatch = "size_mismatch"
        case objectMissing = "object_missing"
    }

    public let reason: Reason
    public let expectedSize: Int64
    /// Absent when there is no object.
    public let actualSize: Int64?
    /// Absent when the file was stored without one.
    public let expectedSHA256: String?
    /// Absent when there is no object, or when its size was reason enough not to read it.
    public let actualSHA256: String?

    public init(
        reason: Reason,
        expectedSize: Int64,
        actualSize: Int64?,
        expectedSHA256: String?,
        actualSHA256: String?
    ) {
        self.reason = reason
        self.expectedSize = expectedSize
        self.actualSize = actualSize
        self.expectedSHA256 = expectedSHA256
        self.actualSHA256 = actualSHA256
    }

    enum CodingKeys: String, CodingKey {
        case reason
        case expectedSize = "expected_size"
        case actualSize = "actual_size"
        case expectedSHA256 = "expected_sha256"
        case actualSHA256 = "actual_sha256"
    }
}

/// `file.bytes_removed`: no version of the object is left; answers `file.purging`.
public struct RemovedBytes: Equatable, Sendable, Codable {
    public let objectKey: String
    /// Versions and delete markers removed; 0 when there was nothing left to remove.
    public let versionsRemoved: Int64

    public init(objectKey: String, versionsRemoved: Int64) {
        self.objectKey = objectKey
        self.versionsRemoved = versionsRemoved
    }

    enum CodingKeys: String, CodingKey {
        case objectKey = "object_key"
        case versionsRemoved = "versions_removed"
    }
}

/// `file.removal_stalled`: removal keeps failing and goes on being tried; somebody should look.
public struct StalledRemoval: Equatable, Sendable, Codable {
    public let objectKey: String
    public let reason: String
    public let attempts: Int64

    public init(objectKey: String, reason: String, attempts: Int64) {
        self.objectKey = objectKey
        self.reason = reason
        self.attempts = attempts
    }

    enum CodingKeys: String, CodingKey {
        case objectKey = "object_key"
        case reason, attempts
    }
}

/// `upload.bytes_removed`: proven absent twice; answers `upload.discarded`.
public struct RemovedUpload: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var uploadID: UUID
    public let objectKey: String

    public init(uploadID: UUID, objectKey: String) {
        self.uploadID = uploadID
        self.objectKey = objectKey
    }

    enum CodingKeys: String, CodingKey {
        case uploadID = "upload_id"
        case objectKey = "object_key"
    }
}
