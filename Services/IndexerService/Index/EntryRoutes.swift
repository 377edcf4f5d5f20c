import Determinism
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import PostgresClient
import ServiceBootstrap

import struct FoundationEssentials.UUID

/// `GET /api/v1/index/entries?after=&limit=` and `/api/v1/index/entries/{id}`: what the index holds, of all tenants, for
/// whoever compares it with the files themselves. With `?q=` the second also says whether the owner's search for that finds it.
struct EntryRoutes: Sendable {
    static let path = "api/v1/index/entries"
    private static let limits = 1...5_000
    private static let parameterCode = "INVALID_PARAMETER"

    let store: EntryStore

    /// - Parameter routes: guarded by authentication, and for superusers only.
    func add(to routes: some RouterMethods<ServiceContext>) {
        routes.get { request, _ in try await page(request) }
        routes.get("{id}") { request, context in try await entry(request, context) }
    }

    private func page(_ request: Request) async throws -> Response {
        let query = try QueryItems(
            request.uri.query,
            known: ["after", "limit"],
            code: Self.parameterCode
        )
        let limit = try query.integer("limit", default: 1_000, in: Self.limits)
        var after: UUID?
        if let text = try query.text("after") {
            guard let id = UUID(text: text) else { throw query.refusal("after", "must be a file's id") }
            after = id
        }
        // One more than asked for tells whether there is another page.
        let entries: [IndexEntry]
        do { entries = try await store.page(after: after, limit: limit + 1) } catch {
            throw Self.problem(of: error)
        }
        let page = entries.prefix(limit)
        let items = page.map(\.json).joined(separator: ",")
        let next = entries.count > limit ? page.last.map { "\"\($0.fileID.text)\"" } : nil
        return Self.response("{\"entries\":[\(items)],\"next_after\":\(next ?? "null")}")
    }

    private func entry(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(request.uri.query, known: ["q"], code: Self.parameterCode)
        let search = try query.text("q") == nil ? nil : SearchRequest(query: request.uri.query)
        var found: (entry: IndexEntry, facts: EntryFacts)?
        var isFound: Bool?
        if let id = context.parameters.get("id").flatMap({ UUID(text: $0) }) {
            do {
                found = try await store.find(id)
                if let search, let facts = found?.facts {
                    isFound = try await store.isFound(id, facts, by: search)
                }
            } catch { throw Self.problem(of: error) }
        }
        guard let found else {
            throw Problem(
                status: 404,
                code: "ENTRY_NOT_FOUND",
                detail: "The index holds nothing of such a file."
            )
        }
        return Self.response(Self.document(found.entry, found.facts, isFound: isFound))
    }

    /// - Parameter isFound: nil when it was not asked for.
    static func document(_ entry: IndexEntry, _ facts: EntryFacts, isFound: Bool? = nil) -> String {
        let search = isFound.map { ",\"is_found\":\($0)" } ?? ""
        return "\(entry.json.dropLast())\(search),\(facts.members)}"
    }

    // Not a wrapper that takes a closure: Swift 6.3.1 crashes on that one in release builds (2026-11-21).
    private static func problem(of error: DatabaseError) -> Problem {
        guard error.isTransient else { return .internalError }
        return Problem(
            status: 503,
            code: "INDEX_UNAVAILABLE",
            detail: "The index cannot be read at the moment. Send the request again.",
            isRetryable: true,
            retryAfterSeconds: 5
        )
    }

    private static func response(_ json: String) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: json))
        )
    }
}

extension IndexEntry {
    /// Its members are ids, numbers and names of states: none needs to be escaped.
    fileprivate var json: String {
        "{\"file_id\":\"\(fileID.text)\",\"version\":\(version),\"state\":\"\(state)\","
            + "\"index_state\":\"\(indexState)\"}"
    }
}

extension EntryFacts {
    /// Members of a JSON object.
    fileprivate var members: String {
        var json: [UInt8] = []
        for (name, value) in [
            ("tenant", tenant), ("owner", owner), ("name", name), ("content_type", contentType),
            ("sha256", sha256), ("object_key", objectKey),
        ] {
            guard let value else { continue }
            json += "\"\(name)\":".utf8
            JSONText.append(value, to: &json)
            json.append(UInt8(ascii: ","))
        }
        return String(decoding: json, as: UTF8.self) + "\"size\":\(size.map { "\($0)" } ?? "null")"
    }
}
