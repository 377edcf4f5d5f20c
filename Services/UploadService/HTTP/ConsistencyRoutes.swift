import AccessTokens
import Determinism
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import PostgresClient

import struct FoundationEssentials.UUID

/// The routes under `/api/v1/uploads/consistency-check`, for superusers.
struct ConsistencyRoutes: Sendable {
    static let path = "/api/v1/uploads/consistency-check"

    let checks: ConsistencyChecks
    let pool: PostgresPool
    let time: any TimeSource

    /// - Parameter routes: of `/api/v1`, guarded.
    func add(to routes: some RouterMethods<ServiceContext>) {
        routes.post("uploads/consistency-check") { try await start($0, $1) }
        routes.get("uploads/consistency-check") { try await newest($0, $1) }
        routes.get("uploads/consistency-check/{id}") { try await report($0, $1) }
        routes.delete("uploads/consistency-check/{id}") { try await cancel($0, $1) }
        routes.get("uploads/consistency-check/{id}/findings") { try await findings($0, $1) }
        routes.get("uploads/consistency-check/{id}/events") { try await events($0, $1) }
    }

    private func start(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["mode", "digests"])
        let asked = CheckRequest(
            requestedBy: try context.requireCaller().auditName,
            mode: try query.choice("mode", default: .full),
            digests: try query.choice("digests", default: .sampled)
        )
        return try Self.underWay(try await checks.find(try await checks.start(asked)))
    }

    /// What is known best; when nothing is known of this database, a check is begun, or joined, and waited for.
    private func newest(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["wait"])
        let limit = try query.integer("wait", default: 30, in: 0...60)
        if let check = try await checks.verdict() { return try Self.answer(check) }
        let id: UUID
        do {
            let asked = CheckRequest(requestedBy: try context.requireCaller().auditName)
            id = try await checks.start(asked)
        } catch CheckRefusal.running(let running) { id = running }
        return try Self.answer(try await checks.wait(for: id, upTo: .seconds(limit)))
    }

    private func report(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        return try Self.answer(try await check(context), underWay: .ok)
    }

    private func cancel(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let name = try context.requireCaller().auditName
        return try Self.answer(try await checks.cancel(try await check(context).id, by: name), underWay: .ok)
    }

    private func findings(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["kind", "limit", "cursor"])
        let check = try await check(context)
        let after = try query.integer("cursor", default: 0, in: 0...Int.max)
        let limit = try query.integer("limit", default: 500, in: 1...5_000)
        let kind: FindingKind? = try query.choice("kind")
        if request.headers[values: .accept].contains(where: { $0.contains("application/x-ndjson") }) {
            return FindingsExport(pool: pool, check: check.id, kind: kind, after: Int64(after)).response
        }
        let found: [StoredFinding]
        do {
            // One more than asked for tells whether there is another page.
            found = try await FindingStore.page(
                of: check.id,
                kind: kind,
                after: Int64(after),
                limit: limit + 1,
                on: pool
            )
        } catch { throw CheckRefusal.database(error) }
        let page = found.prefix(limit)
        return try .json(
            FindingListDocument(
                findings: page.map(FindingDocument.init),
                nextCursor: found.count > limit ? page.last.map { "\($0.id)" } : nil
            )
        )
    }

    /// Server-sent events: progress once a second, and the report at the end.
    private func events(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        return CheckEvents(checks: checks, id: try await check(context).id, time: time).response
    }

    /// What is no id cannot be told from an id that does not exist.
    private func check(_ context: ServiceContext) async throws(CheckRefusal) -> StoredCheck {
        guard let id = context.parameters.get("id").flatMap({ UUID(text: $0) }) else { throw .notFound }
        return try await checks.find(id)
    }

    private static func answer(
        _ check: StoredCheck,
        underWay status: HTTPResponse.Status = .accepted
    ) throws -> Response {
        guard check.state == .running else {
            return .json(
                bytes: ByteBuffer(string: try CheckDocument.text(of: check)),
                status: .ok,
                fields: [:]
            )
        }
        return try underWay(check, status)
    }

    private static func underWay(
        _ check: StoredCheck,
        _ status: HTTPResponse.Status = .accepted
    ) throws -> Response {
        let fields: HTTPFields = [.location: "\(path)/\(check.id.text)", .retryAfter: "1"]
        return .json(
            bytes: ByteBuffer(string: try CheckDocument.text(of: check)),
            status: status,
            fields: fields
        )
    }
}

extension QueryItems {
    fileprivate func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ name: String
    ) throws(Problem) -> Choice? {
        guard let text = try text(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw refusal(name, "must be one of \(names)")
        }
        return choice
    }

    fileprivate func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ name: String,
        default fallback: Choice
    ) throws(Problem) -> Choice {
        try choice(name) ?? fallback
    }
}
