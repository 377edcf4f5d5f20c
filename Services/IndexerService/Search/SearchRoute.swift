import AccessTokens
import Determinism
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import PostgresClient
import ServiceBootstrap

/// `GET /api/v1/search?q=&limit=&cursor=&content_type=&name_prefix=`: the caller's own files, best first.
struct SearchRoute: Sendable {
    let store: SearchStore

    /// - Parameter routes: guarded by authentication.
    func add(to routes: some RouterMethods<ServiceContext>) {
        routes.get("api/v1/search") { request, context in
            let caller = try context.requireCaller()
            let search = try SearchRequest(query: request.uri.query)
            var hits = try await find(search, caller.tenant, caller.principal)
            let isMore = hits.count > search.limit
            if isMore { hits.removeLast() }
            let next = isMore ? hits.last.map { SearchCursor(after: $0) } : nil
            return Self.response(hits, next)
        }
    }

    private func find(_ search: SearchRequest, _ tenant: String, _ owner: String) async throws -> [SearchHit]
    {
        do {
            return try await store.search(search, tenant: tenant, owner: owner)
        } catch let error where error.isTransient {
            throw Problem(
                status: 503,
                code: "SEARCH_UNAVAILABLE",
                detail:
                    "The index cannot be read at the moment. Nothing was changed; send the request again.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        }
    }

    private static func response(_ hits: [SearchHit], _ next: SearchCursor?) -> Response {
        var json = Array("{\"items\":[".utf8)
        for (index, hit) in hits.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            hit.append(to: &json)
        }
        json += "],\"next_cursor\":".utf8
        if let next { JSONText.append(next.text, to: &json) } else { json += "null".utf8 }
        json.append(UInt8(ascii: "}"))
        return Response(
            status: .ok,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json))
        )
    }
}

extension SearchHit {
    fileprivate func append(to json: inout [UInt8]) {
        var texts = [
            ("file_id", fileID.text), ("name", name), ("content_type", contentType),
            ("excerpt", excerpt ?? ""),
        ]
        if let sha256 { texts.append(("sha256", sha256)) }
        json += "{\"version\":\(version),\"size\":\(size),\"rank\":\(rank)".utf8
        for (name, value) in texts {
            json.append(UInt8(ascii: ","))
            JSONText.append(name, to: &json)
            json.append(UInt8(ascii: ":"))
            JSONText.append(value, to: &json)
        }
        json.append(UInt8(ascii: "}"))
    }
}
