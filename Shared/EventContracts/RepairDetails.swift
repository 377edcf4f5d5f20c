public import struct FoundationEssentials.UUID

/// `object.quarantined`: an object without a row is to be moved to the trash, if it is still the one that was looked at.
public struct QuarantinedObject: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var planID: UUID
    public let objectKey: String
    public let trashKey: String
    /// Bytes.
    public let size: Int64
    /// Another one means another object: it stays.
    public let etag: String
    public let reason: String

    public init(
        planID: UUID,
        objectKey: String,
        trashKey: String,
        size: Int64,
        etag: String,
        reason: String
    ) {
        self.planID = planID
        self.objectKey = objectKey
        self.trashKey = trashKey
        self.size = size
        self.etag = etag
        self.reason = reason
    }

    enum CodingKeys: String, CodingKey {
        case planID = "plan_id"
        case objectKey = "object_key"
        case trashKey = "trash_key"
        case size, etag, reason
    }
}

/// `object.unquarantined`: the object goes back where it was, unless something lies there.
public struct UnquarantinedObject: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var planID: UUID
    public let objectKey: String
    public let trashKey: String
    /// Bytes.
    public let size: Int64
    public let reason: String

    public init(planID: UUID, objectKey: String, trashKey: String, size: Int64, reason: String) {
        self.planID = planID
        self.objectKey = objectKey
        self.trashKey = trashKey
        self.size = size
        self.reason = reason
    }

    enum CodingKeys: String, CodingKey {
        case planID = "plan_id"
        case objectKey = "object_key"
        case trashKey = "trash_key"
        case size, reason
    }
}

/// `multipart.leaked`: a multipart upload that no upload under way knows of is to be aborted; `multipart.aborted` answers.
public struct LeakedMultipart: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var planID: UUID
    public let objectKey: String
    public let s3UploadID: String

    public init(planID: UUID, objectKey: String, s3UploadID: String) {
        self.planID = planID
        self.objectKey = objectKey
        self.s3UploadID = s3UploadID
    }

    enum CodingKeys: String, CodingKey {
        case planID = "plan_id"
        case objectKey = "object_key"
        case s3UploadID = "s3_upload_id"
    }
}

/// `object.trashed`: the copy in the trash was verified before the original went; answers `object.quarantined`.
public struct TrashedObject: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var planID: UUID
    public let objectKey: String
    public let trashKey: String
    /// Bytes.
    public let size: Int64

    public init(planID: UUID, objectKey: String, trashKey: String, size: Int64) {
        self.planID = planID
        self.objectKey = objectKey
        self.trashKey = trashKey
        self.size = size
    }

    enum CodingKeys: String, CodingKey {
        case planID = "plan_id"
        case objectKey = "object_key"
        case trashKey = "trash_key"
        case size
    }
}

/// `object.restored`: the object lies where it was, byte for byte; answers `object.unquarantined`.
public struct RestoredObject: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var planID: UUID
    public let objectKey: String
    /// Bytes.
    public let size: Int64

    public init(planID: UUID, objectKey: String, size: Int64) {
        self.planID = planID
        self.objectKey = objectKey
        self.size = size
    }

    enum CodingKeys: String, CodingKey {
        case planID = "plan_id"
        case objectKey = "object_key"
        case size
    }
}

/// `object.kept`: the order was not carried out, and why; nothing was changed.
public struct KeptObject: Equatable, Sendable, Codable {
    @CanonicalUUID public private(set) var planID: UUID
    public let objectKey: String
    public let reason: String

    public init(planID: UUID, objectKey: String, reason: String) {
        self.planID = planID
        self.objectKey = objectKey
        self.reason = reason
    }

    enum CodingKeys: String, CodingKey {
        case planID = "plan_id"
        case objectKey = "object_key"
        case reason
    }
}
