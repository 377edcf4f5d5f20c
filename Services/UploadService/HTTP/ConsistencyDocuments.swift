import Determinism
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import PostgresClient
import SortedJSON

import struct FoundationEssentials.UUID

/// A check as operators see it: while it runs, its progress; afterwards, its report and its age.
enum CheckDocument {
    static func text(of check: StoredCheck) throws -> String {
        guard let report = check.report, check.state == .completed else {
            return try SortedJSON.text(of: Progress(check))
        }
        // The report as it was written, with what only the moment knows.
        let members = report.dropFirst(report.prefix { $0 != "{" }.count + 1)
        return
            "{\"age_seconds\":\(Int64(max(0, check.ageSeconds))),\"state\":\"\(check.state.rawValue)\",\(members)"
    }

    private struct Progress: Encodable {
        let id: String
        let state: String
        let mode: String
        let digests: String
        let complete = false
        let isConsistent = false
        let requestedBy: String
        let startedAt: String
        let checked: [String: Int64]
        let partsDone: Int
        let parts: Int
        let losses: [String]
        let cursor: String?
        let failure: String?

        init(_ check: StoredCheck) {
            let parts = check.progress.parts
            id = check.id.text
            state = check.state.rawValue
            mode = check.request.mode.rawValue
            digests = check.request.digests.rawValue
            requestedBy = check.request.requestedBy
            startedAt = check.startedAt.rfc3339
            checked = Dictionary(
                uniqueKeysWithValues: CountName.allCases.map { ($0.rawValue, check.progress.total($0)) }
            )
            partsDone = parts.values.count { $0.isDone || $0.skipped != nil }
            self.parts = parts.count
            losses = parts.values.flatMap(\.losses)
            cursor = check.progress.cursor
            failure = check.report
        }

        enum CodingKeys: String, CodingKey {
            case id, state, mode, digests, complete, checked, parts, losses, cursor, failure
            case isConsistent = "is_consistent"
            case requestedBy = "requested_by"
            case startedAt = "started_at"
            case partsDone = "parts_done"
        }
    }
}

struct FindingDocument: Encodable, Sendable {
    private let stored: StoredFinding

    init(_ stored: StoredFinding) { self.stored = stored }

    enum CodingKeys: String, CodingKey {
        case id, kind, subject, detail, tenant, size, etag
        case fileID = "file_id"
        case uploadID = "upload_id"
        case objectKey = "object_key"
        case multipartID = "multipart_id"
        case rowVersion = "row_version"
        case rowState = "row_state"
        case foundAt = "found_at"
    }

    func encode(to encoder: any Encoder) throws {
        let finding = stored.finding
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("\(stored.id)", forKey: .id)
        try container.encode(finding.kind, forKey: .kind)
        try container.encode(finding.subject, forKey: .subject)
        try container.encode(finding.detail, forKey: .detail)
        try container.encodeIfPresent(finding.tenant, forKey: .tenant)
        try container.encodeIfPresent(finding.fileID?.text, forKey: .fileID)
        try container.encodeIfPresent(finding.uploadID?.text, forKey: .uploadID)
        try container.encodeIfPresent(finding.objectKey, forKey: .objectKey)
        try container.encodeIfPresent(finding.multipartID, forKey: .multipartID)
        try container.encodeIfPresent(finding.rowVersion, forKey: .rowVersion)
        try container.encodeIfPresent(finding.rowState, forKey: .rowState)
        try container.encodeIfPresent(finding.size, forKey: .size)
        try container.encodeIfPresent(finding.etag, forKey: .etag)
        try container.encode(stored.foundAt.rfc3339, forKey: .foundAt)
    }
}

struct FindingListDocument: Encodable, Sendable {
    let findings: [FindingDocument]
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case findings
        case nextCursor = "next_cursor"
    }
}

/// All findings, one a line, however many there are.
struct FindingsExport: Sendable {
    let pool: PostgresPool
    let check: UUID
    let kind: FindingKind?
    let after: Int64

    private static let pageLimit = 1_000

    var response: Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                var last = after
                while true {
                    // Thrown: the body ends without its last chunk, so that half of it never passes for all.
                    let page = try await FindingStore.page(
                        of: check,
                        kind: kind,
                        after: last,
                        limit: Self.pageLimit,
                        on: pool
                    )
                    let lines = try page.map { try SortedJSON.text(of: FindingDocument($0)) + "\n" }.joined()
                    if !lines.isEmpty { try await writer.write(ByteBuffer(string: lines)) }
                    guard page.count == Self.pageLimit, let id = page.last?.id else { break }
                    last = id
                }
                try await writer.finish(nil)
            }
        )
    }
}

/// Progress of one check as server-sent events: `progress` once a second, then `report`.
struct CheckEvents: Sendable {
    let checks: ConsistencyChecks
    let id: UUID
    let time: any TimeSource

    var response: Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                while true {
                    let check = try await checks.find(id)
                    let isOver = check.state != .running
                    let name = isOver ? "report" : "progress"
                    let text = try CheckDocument.text(of: check)
                    try await writer.write(ByteBuffer(string: "event: \(name)\ndata: \(text)\n\n"))
                    if isOver { break }
                    try await time.sleep(for: .seconds(1))
                }
                try await writer.finish(nil)
            }
        )
    }
}

extension CheckRefusal: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .running(let id):
            Problem(
                .checkRunning,
                409,
                "A consistency check is running: \(ConsistencyRoutes.path)/\(id.text). Wait for it, or cancel it.",
                extensions: ["check_id": id.text]
            )
        case .notFound: Problem(.checkNotFound, 404, "There is no such consistency check.")
        case .replica:
            Problem(
                .databaseUnavailable,
                503,
                "The database is a replica, which may lag behind: nothing can be checked against it.",
                isRetryable: true,
                retryAfterSeconds: 30
            )
        case .database(let failure): Problem(database: failure)
        }
    }
}
