import AuditTrail
import Determinism
import Digests
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import PostgresClient
import SortedJSON

/// `GET /api/v1/audit`, for operators: the trail of this service's database, the oldest record first.
struct AuditRoutes: Sendable {
    let pool: PostgresPool

    func add(to routes: some RouterMethods<ServiceContext>) { routes.get { try await list($0, $1) } }

    private func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["after", "limit", "subject"])
        let after = try query.integer("after", default: 0, in: 0...Int.max)
        let limit = try query.integer("limit", default: 100, in: 1...1_000)
        let subject = try query.text("subject")
        let records: [AuditRecord]
        do throws(DatabaseError) {
            records = try await AuditTrail.records(
                after: Int64(after),
                subject: subject,
                limit: limit,
                on: pool
            )
        } catch { throw Problem(database: error) }
        let documents = records.map(AuditDocument.init)
        if request.headers[values: .accept].contains(where: { $0.contains(ndjson) }) {
            return try .lines(documents)
        }
        // Records appended meanwhile come with the next page: a full one need not be the last.
        let isFull = records.count == limit
        return try .json(
            AuditListDocument(records: documents, nextAfter: isFull ? records.last?.number : nil)
        )
    }
}

private let ndjson = "application/x-ndjson"

extension Response {
    /// One JSON object a line.
    static func lines(_ documents: [some Encodable]) throws -> Response {
        var buffer = ByteBuffer()
        for document in documents {
            buffer.writeBytes(try SortedJSON.bytes(of: document))
            buffer.writeInteger(UInt8(ascii: "\n"))
        }
        return Response(
            status: .ok,
            headers: [.contentType: ndjson, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: buffer)
        )
    }
}

struct AuditListDocument: Encodable, Sendable {
    let records: [AuditDocument]
    let nextAfter: Int64?

    enum CodingKeys: String, CodingKey {
        case records
        case nextAfter = "next_after"
    }
}

/// A record as an operator sees it. `before` and `after` are JSON in a text: exactly the bytes the digest covers.
struct AuditDocument: Encodable, Sendable {
    let number: Int64
    let recordedAt: String
    let actor: String
    let action: String
    let subject: String
    let reason: String
    let before: String?
    let after: String?
    let digest: String

    init(_ record: AuditRecord) {
        number = record.number
        recordedAt = record.recordedAt.rfc3339
        actor = record.entry.actor
        action = record.entry.action
        subject = record.entry.subject
        reason = record.entry.reason
        before = record.entry.before
        after = record.entry.after
        digest = record.digest.hex
    }

    enum CodingKeys: String, CodingKey {
        case number, actor, action, subject, reason, before, after, digest
        case recordedAt = "recorded_at"
    }
}
