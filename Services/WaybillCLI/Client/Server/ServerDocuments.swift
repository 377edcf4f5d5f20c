/// A file as the server tells of it: the members this program looks at, in the form `--json` shows them.
struct FileFacts: Codable, Equatable, Sendable {
    let id: String
    let name: String
    let size: Int64
    let contentType: String
    /// Absent until somebody has read the bytes.
    let sha256: String?
    let state: String
    let version: Int64
    let deleteAfter: String?
    let createdAt: String

    enum CodingKeys: String, CodingKey {
        case id, name, size, sha256, state, version
        case contentType = "content_type"
        case deleteAfter = "delete_after"
        case createdAt = "created_at"
    }
}

struct FilePage: Decodable, Sendable {
    let files: [FileFacts]
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case files
        case nextCursor = "next_cursor"
    }
}

/// What a delete or a restore came to.
struct ChangeFacts: Codable, Equatable, Sendable {
    let documentID: String
    let name: String
    let state: String
    let message: String
    let deleteAfter: String?

    enum CodingKeys: String, CodingKey {
        case name, state, message
        case documentID = "document_id"
        case deleteAfter = "delete_after"
    }
}

/// An upload session.
struct SessionFacts: Codable, Equatable, Sendable {
    let uploadID: String
    let fileID: String
    let name: String
    let size: Int64
    let state: String
    let nextAction: String
    let partSize: Int64
    let partCount: Int
    let receivedPartCount: Int?
    let receivedBytes: Int64?
    let failureReason: String?
    let expiresAt: String?
    let createdAt: String

    enum CodingKeys: String, CodingKey {
        case name, size, state
        case uploadID = "upload_id"
        case fileID = "file_id"
        case nextAction = "next_action"
        case partSize = "part_size"
        case partCount = "part_count"
        case receivedPartCount = "received_part_count"
        case receivedBytes = "received_bytes"
        case failureReason = "failure_reason"
        case expiresAt = "expires_at"
        case createdAt = "created_at"
    }

    var isCompleted: Bool { state == "COMPLETED" }
    /// Neither open nor completed: nothing will become of it.
    var isLost: Bool { nextAction == "none" && !isCompleted }
}

struct SessionPage: Decodable, Sendable {
    let uploads: [SessionFacts]
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case uploads
        case nextCursor = "next_cursor"
    }
}

struct StoredPartPage: Decodable, Sendable {
    struct Part: Decodable, Sendable {
        let number: Int
        let size: Int64

        enum CodingKeys: String, CodingKey {
            case number = "part_number"
            case size
        }
    }

    let parts: [Part]
    let nextAfter: Int?

    enum CodingKeys: String, CodingKey {
        case parts
        case nextAfter = "next_after"
    }
}

/// The answer to a part that came through the service.
struct ReceivedPartFacts: Decodable, Sendable {
    let sha256: String
}

/// Where a part may be sent past the service.
struct PartURLs: Decodable, Sendable {
    struct PartURL: Decodable, Sendable {
        let url: String
        let headers: [String: String]
    }

    let urls: [PartURL]
}
