import Determinism
import Digests
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import SortedJSON

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder

/// A file as clients see it.
struct FileDocument: Codable, Sendable {
    let id: String
    let name: String
    let contentType: String
    let size: Int64
    /// Absent until somebody has read the bytes.
    let sha256: String?
    let state: String
    let version: Int64
    let indexState: String
    let quarantineReason: String?
    let deleteAfter: String?
    let createdAt: String
    let updatedAt: String

    init(_ file: File) {
        id = file.id.text
        name = file.name
        contentType = file.contentType
        size = file.size
        sha256 = file.knownSHA256?.hex
        state = file.state.rawValue
        version = file.version
        indexState = file.indexState.rawValue
        quarantineReason = file.quarantineReason
        deleteAfter = file.deleteAfter?.rfc3339
        createdAt = file.createdAt.rfc3339
        updatedAt = file.updatedAt.rfc3339
    }

    enum CodingKeys: String, CodingKey {
        case id, name, size, sha256, state, version
        case contentType = "content_type"
        case indexState = "index_state"
        case quarantineReason = "quarantine_reason"
        case deleteAfter = "delete_after"
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }
}

/// One page of a list.
struct FileListDocument: Encodable, Sendable {
    let files: [FileDocument]
    /// Absent on the last page.
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case files
        case nextCursor = "next_cursor"
    }
}

/// What a delete or a restore came to.
struct ChangeDocument: Encodable, Sendable {
    let message: String
    let documentID: String
    let name: String
    let state: String
    let version: Int64
    let deleteAfter: String?

    init(_ file: File) {
        message = Self.message(file)
        documentID = file.id.text
        name = file.name
        state = file.state.rawValue
        version = file.version
        deleteAfter = file.deleteAfter?.rfc3339
    }

    private static func message(_ file: File) -> String {
        switch file.state {
        case .available: "The file is available."
        case .quarantined: "The file is in quarantine."
        case .deleted:
            (file.deleteAfter ?? file.updatedAt) <= file.updatedAt
                ? "The file was deleted for good; its bytes are being removed."
                : "The file was deleted; until delete_after it can be restored."
        case .purging: "The file was deleted; its bytes are being removed."
        case .purged: "The file was deleted; its bytes are gone."
        }
    }

    enum CodingKeys: String, CodingKey {
        case message, name, state, version
        case documentID = "document_id"
        case deleteAfter = "delete_after"
    }
}

/// Why one item of several failed: the same code and sentence as a problem document of its own would have.
struct ItemFailureDocument: Encodable, Sendable {
    let errorCode: String
    let message: String
    let retryable: Bool

    init(_ problem: Problem) {
        errorCode = problem.code
        message = problem.detail
        retryable = problem.isRetryable
    }
}

/// What became of one file of a form.
struct UploadItemDocument: Encodable, Sendable {
    /// As the client wrote it.
    let name: String
    let status: Int
    let file: FileDocument?
    let error: ItemFailureDocument?

    /// - Parameter outcome: of the file sent by itself.
    init(_ name: String, _ outcome: Result<StoredAnswer, Problem>) throws {
        self.name = name
        switch outcome {
        case .success(let answer):
            let stored = try JSONDecoder().decode(FileDocument.self, from: Data(answer.body.utf8))
            (status, file, error) = (answer.status, stored, nil)
        case .failure(let problem):
            (status, file, error) = (problem.status, nil, ItemFailureDocument(problem))
        }
    }
}

/// What became of one id of a batch.
struct DeleteItemDocument: Encodable, Sendable {
    /// As the client wrote it.
    let id: String
    let status: Int
    let result: ChangeDocument?
    let error: ItemFailureDocument?

    init(_ id: String, _ outcome: Result<File, Problem>) {
        self.id = id
        switch outcome {
        case .success(let file): (status, result, error) = (200, ChangeDocument(file), nil)
        case .failure(let problem):
            (status, result, error) = (problem.status, nil, ItemFailureDocument(problem))
        }
    }
}

struct ItemsDocument<Item: Encodable & Sendable>: Encodable, Sendable {
    let items: [Item]
}

extension HTTPResponse.Status {
    /// Several outcomes in one answer (RFC 4918, section 11.1).
    static let multiStatus = HTTPResponse.Status(code: 207, reasonPhrase: "Multi-Status")
}

extension Response {
    /// - Throws: when the document cannot be written as JSON, which means a defect.
    static func json(
        _ document: some Encodable,
        status: HTTPResponse.Status = .ok,
        fields: HTTPFields = [:]
    ) throws -> Response {
        json(bytes: ByteBuffer(bytes: try SortedJSON.bytes(of: document)), status: status, fields: fields)
    }

    static func json(bytes: ByteBuffer, status: HTTPResponse.Status, fields: HTTPFields) -> Response {
        var fields = fields
        fields[.contentType] = "application/json"
        if fields[.cacheControl] == nil { fields[.cacheControl] = "no-store" }
        return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: bytes))
    }
}
