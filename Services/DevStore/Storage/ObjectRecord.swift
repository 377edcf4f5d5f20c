/// Everything known about one stored version. Written as JSON behind the bytes, in the same file.
struct ObjectRecord: Codable, Sendable {
    var key: String
    var sequence: UInt64
    var isNull: Bool
    var isDeleteMarker = false
    var etag: ETag
    var size: Int64
    var modifiedMilliseconds: Int64
    /// Content-Type, Cache-Control, Content-Disposition, Content-Encoding, Content-Language, Expires.
    var headers: [String: String] = [:]
    /// Names in lower case, without `x-amz-meta-`.
    var metadata: [String: String] = [:]
    var checksum: StoredChecksum?
    /// Set when the bytes are the part files of this upload, in the order of `parts`.
    var upload: String?
    var parts: [PartRecord] = []
    var tags: [Tag] = []
    var retention: Retention?
    var hasLegalHold = false

    var version: Version {
        Version(
            sequence: sequence,
            isNull: isNull,
            isDeleteMarker: isDeleteMarker,
            etag: etag,
            size: size,
            modifiedMilliseconds: modifiedMilliseconds
        )
    }
}

/// A part of a multipart upload. Written as JSON behind the part's bytes.
struct PartRecord: Codable, Sendable {
    var number: Int
    var size: Int64
    var etag: ETag
    var modifiedMilliseconds: Int64
    var checksum: StoredChecksum?
}

/// An upload that was begun and not finished. One JSON file in the upload's folder.
struct UploadRecord: Codable, Sendable {
    var id: String
    var key: String
    var startedMilliseconds: Int64
    var headers: [String: String]
    var metadata: [String: String]
    var tags: [Tag]
    var checksumAlgorithm: ChecksumAlgorithm?
    var checksumType: ChecksumType?
    var retention: Retention?
    var hasLegalHold = false
}

struct StoredChecksum: Codable, Hashable, Sendable {
    var algorithm: ChecksumAlgorithm
    /// Base64; `-N` behind it for a composite over N parts.
    var value: String
    var type: ChecksumType
}

enum ChecksumType: String, Codable, Sendable {
    case fullObject = "FULL_OBJECT"
    case composite = "COMPOSITE"
}

enum ChecksumAlgorithm: String, Codable, CaseIterable, Sendable {
    case crc32, crc32c, crc64nvme, sha256

    /// `SHA256`, as in `x-amz-checksum-algorithm`.
    var wireName: String { rawValue.uppercased() }
    /// `x-amz-checksum-sha256`.
    var headerName: String { "x-amz-checksum-\(rawValue)" }
    /// `ChecksumSHA256`.
    var elementName: String { "Checksum\(wireName)" }
}

struct Tag: Codable, Hashable, Sendable {
    var key: String
    var value: String
}

struct Retention: Codable, Sendable {
    enum Mode: String, Codable { case governance = "GOVERNANCE", compliance = "COMPLIANCE" }
    var mode: Mode
    var untilMilliseconds: Int64
}
