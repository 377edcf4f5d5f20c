import AccessTokens
import Determinism
import HTTPServing
import Hummingbird
import Logging

import struct FoundationEssentials.UUID

/// `POST /api/v1/republish`, for operators.
struct RepublishRoutes: Sendable {
    /// Files one request tells of, rounded up to a page.
    static let countLimit = 10_000

    let republishing: Republishing
    let ring: @Sendable () -> Void

    func add(to routes: some RouterMethods<ServiceContext>) { routes.post { try await republish($0, $1) } }

    private func republish(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let caller = try context.requireCaller()
        let body = try await RepublishBody(request, context)
        let (selection, topic) = (try body.selection(), try body.sideTopic())
        let progress = try await republishing.run(
            selection,
            to: topic,
            by: caller.auditName,
            reason: body.reason,
            after: try body.start(),
            countLimit: Self.countLimit
        )
        ring()
        context.logger.notice(
            "events told again",
            metadata: [
                "count": "\(progress.count)", "selection": "\(selection.text)", "topic": "\(topic.name)",
            ]
        )
        return try .json(RepublishDocument(republished: progress.count, next: progress.next?.text))
    }
}

extension Caller {
    /// Who this is, in the audit trail.
    var auditName: String { "\(tenant)/\(principal)" }
}

struct RepublishDocument: Encodable, Sendable {
    let republished: Int
    /// Ask again with this as `after`; absent at the end.
    let next: String?
}

/// The body of `POST /api/v1/republish`.
struct RepublishBody: Decodable {
    let fileIDs: [String]?
    let tenant: String?
    let since: String?
    let until: String?
    let isAll: Bool?
    let topic: String?
    let after: String?
    let reason: String

    static let fileLimit = 1_000

    enum CodingKeys: String, CodingKey, CaseIterable {
        case tenant, since, until, topic, after, reason
        case isAll = "all"
        case fileIDs = "file_ids"
    }

    init(_ request: Request, _ context: ServiceContext) async throws {
        self = try await request.decoded(
            RepublishBody.self,
            members: CodingKeys.allCases.map(\.rawValue),
            context,
            #"must be JSON of the form {"reason": "…", "tenant": "…"}; file_ids, since, until, topic, after, all may be given"#
        )
    }

    func selection() throws(RequestRefusal) -> RepublishSelection {
        guard !reason.isEmpty, reason.utf8.count <= 1_000 else {
            throw .body("must have a reason of 1 to 1000 bytes")
        }
        guard (1...Self.fileLimit).contains(fileIDs?.count ?? 1) else {
            throw .body("must name 1 to \(Self.fileLimit) file_ids, or none")
        }
        var selection = RepublishSelection()
        if let fileIDs { selection.fileIDs = try fileIDs.map { text throws(RequestRefusal) in try id(text) } }
        selection.tenant = tenant
        selection.since = try since.map(instant)
        selection.until = try until.map(instant)
        guard selection.isEverything == (isAll ?? false) else {
            throw .body(
                #"must say which files: file_ids, tenant, since or until; or "all": true and none of them"#
            )
        }
        return selection
    }

    func sideTopic() throws(RequestRefusal) -> SideTopic {
        guard let topic else { return .files }
        guard let side = SideTopic(topic) else {
            throw .body("names a topic that is not allowed: \(SideTopic.rule)")
        }
        return side
    }

    func start() throws(RequestRefusal) -> UUID? { try after.map(id) }

    private func id(_ text: String) throws(RequestRefusal) -> UUID {
        guard let id = UUID(text: text) else { throw .body("holds an id that is not one") }
        return id
    }

    private func instant(_ text: String) throws(RequestRefusal) -> Timestamp {
        guard let instant = Timestamp(rfc3339: text) else {
            throw .body("must have since and until as RFC 3339, like 2026-11-21T09:30:00Z")
        }
        return instant
    }
}

extension RepublishFailure: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .topicUnknown(let name):
            Problem(
                .topicUnknown,
                422,
                "There is no topic \(name). Make it first: the relay would wait for it, with everything behind. Nothing was appended."
            )
        case .brokerAway:
            Problem(
                .brokerUnavailable,
                503,
                "Kafka does not say which topics there are. Nothing was appended; send the request again.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        case .database(let failure): Problem(database: failure)
        }
    }
}
