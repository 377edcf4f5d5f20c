import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ObjectStore

/// Somebody who has a URL and no credentials.
enum PlainClient {
    typealias Answer = (status: Int, body: ByteBuffer, headers: HTTPHeaders)

    /// The client writes the body's true length, whatever the headers say of it.
    static func send(
        _ method: HTTPMethod,
        _ url: String,
        _ headers: [(name: String, value: String)] = [],
        _ body: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        for (name, value) in headers where name != "content-length" {
            request.headers.add(name: name, value: value)
        }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        return try await answer(request)
    }

    /// As the URL's maker said; the answer's status.
    static func put(_ body: String, _ request: PresignRequest, to url: String) async throws -> Int {
        try await send(.PUT, url, request.requiredHeaders, body).status
    }

    /// In chunks, so that no length is told beforehand.
    static func putChunked(_ body: String, _ request: PresignRequest, to url: String) async throws -> Int {
        var chunked = HTTPClientRequest(url: url)
        chunked.method = .PUT
        for (name, value) in request.requiredHeaders where name != "content-length" {
            chunked.headers.add(name: name, value: value)
        }
        let pieces = AsyncStream<ByteBuffer> { continuation in
            continuation.yield(ByteBuffer(string: body))
            continuation.finish()
        }
        chunked.body = .stream(pieces, length: .unknown)
        return try await answer(chunked).status
    }

    private static func answer(_ request: HTTPClientRequest) async throws -> Answer {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        return (Int(response.status.code), try await response.body.collect(upTo: 1 << 20), response.headers)
    }
}
