import Determinism
import Digests
import ObjectStore

import struct FoundationEssentials.UUID

/// A session as clients see it.
struct SessionDocument: Encodable, Sendable {
    let uploadID: String
    let fileID: String
    let name: String
    let size: Int64
    let contentType: String
    /// As the client declared it.
    let sha256: String?
    let state: String
    let nextAction: String
    let partSize: Int64
    let partCount: Int
    let checksumAlgorithm: String?
    /// Absent where the parts were not looked at.
    let receivedPartCount: Int?
    let receivedBytes: Int64?
    /// The first ones.
    let missingParts: [Int]?
    let expiresAt: String?
    let failureReason: String?
    let attempts: [String]?
    let createdAt: String
    let updatedAt: String
    let urls: [PartURLDocument]?

    private static let missingLimit = 1_000

    init(_ session: UploadSession, seen: SeenParts?, urls: [PartURL]? = nil) {
        let upload = session.upload
        uploadID = upload.id.text
        fileID = upload.fileID.text
        name = upload.name
        size = session.plan.size
        contentType = upload.contentType
        sha256 = upload.declaredSHA256?.hex
        state = session.state.rawValue
        nextAction = Self.nextAction(session, seen)
        partSize = session.plan.partSize
        partCount = session.plan.partCount
        checksumAlgorithm = session.checksum?.rawValue
        receivedPartCount = seen?.parts.count
        receivedBytes = seen?.byteCount
        missingParts = seen.map { Array(($0.missing + $0.wrong).sorted().prefix(Self.missingLimit)) }
        expiresAt = session.isOpen ? session.expiresAt.rfc3339 : nil
        failureReason = session.failureReason
        attempts = session.attempts.isEmpty ? nil : session.attempts
        createdAt = session.createdAt.rfc3339
        updatedAt = session.updatedAt.rfc3339
        self.urls = urls?.map(PartURLDocument.init)
    }

    private static func nextAction(_ session: UploadSession, _ seen: SeenParts?) -> String {
        switch session.state {
        case .pending, .active: seen?.isComplete == true ? "complete" : "send_parts"
        case .completing: "wait"
        case .completed, .failed, .aborted, .expired, .reaped: "none"
        }
    }

    enum CodingKeys: String, CodingKey {
        case name, size, sha256, state, attempts, urls
        case uploadID = "upload_id"
        case fileID = "file_id"
        case contentType = "content_type"
        case nextAction = "next_action"
        case partSize = "part_size"
        case partCount = "part_count"
        case checksumAlgorithm = "checksum_algorithm"
        case receivedPartCount = "received_part_count"
        case receivedBytes = "received_bytes"
        case missingParts = "missing_parts"
        case expiresAt = "expires_at"
        case failureReason = "failure_reason"
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }
}

struct SessionListDocument: Encodable, Sendable {
    let uploads: [SessionDocument]
    /// Absent on the last page.
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case uploads
        case nextCursor = "next_cursor"
    }
}

/// What a client needs to send one part straight to the store.
struct PartURLDocument: Encodable, Sendable {
    let partNumber: Int
    let method = "PUT"
    let url: String
    /// To be sent exactly so: they are part of the signature.
    let headers: [String: String]
    let size: Int64
    let expiresAt: String

    init(_ part: PartURL) {
        partNumber = part.number
        url = part.url
        headers = Dictionary(part.headers.map { ($0.name, $0.value) }) { _, last in last }
        size = part.size
        expiresAt = part.expiresAt.rfc3339
    }

    enum CodingKeys: String, CodingKey {
        case method, url, headers, size
        case partNumber = "part_number"
        case expiresAt = "expires_at"
    }
}

struct PartURLsDocument: Encodable, Sendable {
    let uploadID: String
    let urls: [PartURLDocument]

    enum CodingKeys: String, CodingKey {
        case urls
        case uploadID = "upload_id"
    }
}

/// A part the store holds.
struct PartDocument: Encodable, Sendable {
    let partNumber: Int
    let size: Int64
    let etag: String
    /// Only of parts that came through this service.
    let sha256: String?

    init(_ part: SeenParts.Part) {
        partNumber = part.number
        size = part.size
        etag = part.etag
        sha256 = part.sha256?.hex
    }

    enum CodingKeys: String, CodingKey {
        case size, etag, sha256
        case partNumber = "part_number"
    }
}

struct PartListDocument: Encodable, Sendable {
    let parts: [PartDocument]
    /// Absent on the last page.
    let nextAfter: Int?

    enum CodingKeys: String, CodingKey {
        case parts
        case nextAfter = "next_after"
    }
}

/// A part that came through this service.
struct ReceivedPartDocument: Encodable, Sendable {
    let uploadID: String
    let partNumber: Int
    let size: Int64
    let sha256: String

    init(_ upload: UUID, _ part: ReceivedPart) {
        uploadID = upload.text
        partNumber = part.number
        size = part.size
        sha256 = part.sha256.hex
    }

    enum CodingKeys: String, CodingKey {
        case size, sha256
        case uploadID = "upload_id"
        case partNumber = "part_number"
    }
}
