import AccessTokens
import HTTPServing
import HTTPTypes
import Hummingbird
import PostgresClient

/// The routes under `/api/v1/quotas`: how much each tenant may store. For operators only.
struct QuotaRoutes: Sendable {
    let actions: QuotaActions

    func add(to routes: some RouterMethods<ServiceContext>) {
        routes.get { try await list($0, $1) }
        routes.get("{tenant}") { try await show($0, $1) }
        routes.put("{tenant}") { try await set($0, $1) }
        routes.delete("{tenant}") { try await remove($0, $1) }
        routes.post("{tenant}/recount") { try await recount($0, $1) }
    }

    private func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["limit", "cursor"])
        let limit = try query.integer("limit", default: 100, in: 1...1_000)
        let after = try query.text("cursor")
        let found = try await asked {
            try await QuotaStore.page(after: after, limit: limit + 1, on: actions.pool)
        }
        let page = found.prefix(limit)
        return try .json(
            QuotaListDocument(
                quotas: page.map(QuotaDocument.init),
                nextCursor: found.count > limit ? page.last?.tenant : nil
            )
        )
    }

    private func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try tenant(request, context)
        guard let quota = try await asked({ try await QuotaStore.find(tenant, on: actions.pool) }) else {
            throw Problem.quotaNotFound
        }
        return try .json(QuotaDocument(quota))
    }

    private func set(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let actor = Self.name(try context.requireCaller())
        let tenant = try tenant(request, context)
        let body = try await request.decoded(
            QuotaBody.self,
            members: ["byte_limit"],
            context,
            #"must be JSON of the form {"byte_limit": 1073741824}"#
        )
        guard body.byteLimit >= 0 else {
            throw RequestRefusal.body("must have a byte_limit of 0 or more bytes")
        }
        return try .json(
            QuotaDocument(
                try await asked { try await actions.set(tenant, byteLimit: body.byteLimit, by: actor) }
            )
        )
    }

    private func recount(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let actor = Self.name(try context.requireCaller())
        let tenant = try tenant(request, context)
        guard let quota = try await asked({ try await actions.recount(tenant, by: actor) }) else {
            throw Problem.quotaNotFound
        }
        return try .json(QuotaDocument(quota))
    }

    private func remove(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let actor = Self.name(try context.requireCaller())
        let tenant = try tenant(request, context)
        guard try await asked({ try await actions.remove(tenant, by: actor) }) else {
            throw Problem.quotaNotFound
        }
        return Response(status: .noContent)
    }

    private func tenant(_ request: Request, _ context: ServiceContext) throws -> String {
        _ = try QueryItems(of: request, known: [])
        let tenant = context.parameters.get("tenant") ?? ""
        let isName = tenant.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        }
        guard isName, (1...63).contains(tenant.utf8.count) else {
            throw Problem(
                .invalidParameter,
                400,
                "A tenant has 1 to 63 of the characters a-z, 0-9 and -. Nothing was changed."
            )
        }
        return tenant
    }

    private static func name(_ caller: Caller) -> String { "\(caller.tenant)/\(caller.principal)" }

    private func asked<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let failure as any DatabaseErrorCarrying {
            guard let reason = failure.databaseError else { throw failure }
            throw Problem(database: reason)
        }
    }
}

private struct QuotaBody: Decodable {
    let byteLimit: Int64

    enum CodingKeys: String, CodingKey { case byteLimit = "byte_limit" }
}

private struct QuotaDocument: Encodable {
    let tenant: String
    let byteLimit: Int64
    let usedBytes: Int64

    init(_ quota: Quota) { (tenant, byteLimit, usedBytes) = (quota.tenant, quota.byteLimit, quota.usedBytes) }

    enum CodingKeys: String, CodingKey {
        case tenant
        case byteLimit = "byte_limit"
        case usedBytes = "used_bytes"
    }
}

private struct QuotaListDocument: Encodable {
    let quotas: [QuotaDocument]
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case quotas
        case nextCursor = "next_cursor"
    }
}

extension Problem {
    fileprivate static let quotaNotFound = Problem(
        .quotaNotFound,
        404,
        "The tenant has no quota: it is not held to one."
    )
}
