public import Determinism

public import struct FoundationEssentials.UUID

/// `file.stored` and `file.restored`: everything needed to fetch, verify and list the file.
public struct StoredFile: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var uploadID: UUID
    /// The user's name for it: metadata only, never part of a key.
    public let name: String
    public let contentType: String
    /// Bytes.
    public let size: Int64
    /// 64 lower-case hexadecimal digits, when somebody said so when the file was stored; nil leaves it to its reader.
    public let sha256: String?
    public let objectKey: String
    public let etag: String

    public init(
        uploadID: UUID,
        name: String,
        contentType: String,
        size: Int64,
        sha256: String?,
        objectKey: String,
        etag: String
    ) {
        self.uploadID = uploadID
        self.name = name
        self.contentType = contentType
        self.size = size
        self.sha256 = sha256
        self.objectKey = objectKey
        self.etag = etag
    }

    enum CodingKeys: String, CodingKey {
        case uploadID = "upload_id"
        case name
        case contentType = "content_type"
        case size, sha256
        case objectKey = "object_key"
        case etag
    }
}

/// `file.deleted`: in the trash, restorable until `deleteAfter`.
public struct DeletedFile: Equatable, Sendable, Codable {
    public let name: String
    @RFC3339Text public private(set) var deleteAfter: Timestamp

    public init(name: String, deleteAfter: Timestamp) {
        self.name = name
        self.deleteAfter = deleteAfter
    }

    enum CodingKeys: String, CodingKey {
        case name
        case deleteAfter = "delete_after"
    }
}

/// `file.purging`: past the point of no return; every version of the object is to be removed.
public struct PurgingFile: Equatable, Sendable, Codable {
    public let objectKey: String
    /// The store's multipart id, when one was ever recorded: aborted before versions are removed.
    public let s3UploadID: String?

    public init(objectKey: String, s3UploadID: String?) {
        self.objectKey = objectKey
        self.s3UploadID = s3UploadID
    }

    enum CodingKeys: String, CodingKey {
        case objectKey = "object_key"
        case s3UploadID = "s3_upload_id"
    }
}

/// `file.quarantined`: the bytes are not what was acknowledged; kept, but no longer served.
public struct QuarantinedFile: Equatable, Sendable, Codable {
    public let name: String
    public let reason: String

    public init(name: String, reason: String) {
        self.name = name
        self.reason = reason
    }
}

/// `upload.discarded`: the upload is in a doomed state; whatever lies under its key is to be removed. Version 1.
public struct DiscardedUpload: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var uploadID: UUID
    public let objectKey: String
    public let s3UploadID: String?
    public let reason: String

    public init(uploadID: UUID, objectKey: String, s3UploadID: String?, reason: String) {
        self.uploadID = uploadID
        self.objectKey = objectKey
        self.s3UploadID = s3UploadID
        self.reason = reason
    }

    enum CodingKeys: String, CodingKey {
        case uploadID = "upload_id"
        case objectKey = "object_key"
        case s3UploadID = "s3_upload_id"
        case reason
    }
}
