import AsyncHTTPClient
import Digests
import NIOCore
import NIOHTTP1
import ObjectStore
import Testing

@Suite("I57 presigned URLs, used by a plain HTTP client")
struct PresignedTests {
    private func send(
        _ method: HTTPMethod,
        _ url: String,
        headers: [(name: String, value: String)] = [],
        body: ByteBuffer? = nil
    ) async throws -> (status: Int, body: ByteBuffer, headers: HTTPHeaders) {
        var request = HTTPClientRequest(url: url)
        request.method = method
        for (name, value) in headers where name != "content-length" {
            request.headers.add(name: name, value: value)
        }
        if let body { request.body = .bytes(body) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        return (Int(response.status.code), try await response.body.collect(upTo: 1 << 20), response.headers)
    }

    @Test("GET with a disposition")
    func get() async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "weird name ü+&.txt"
            _ = try await fixture.store.put(key, body: .bytes(ByteBuffer(string: "content")))
            let url = try fixture.store.presign(
                .get(key: key, disposition: "attachment; filename=\"x.txt\"", contentType: "text/x-test"),
                expiresIn: .seconds(60)
            )
            let answer = try await send(.GET, url)
            #expect(answer.status == 200)
            #expect(answer.body == ByteBuffer(string: "content"))
            #expect(answer.headers.first(name: "content-disposition") == "attachment; filename=\"x.txt\"")
            let other = url.replacing("x.txt", with: "y.txt")
            #expect(try await send(.GET, other).status == 403)
        }
    }

    @Test("PUT and UploadPart take what was announced")
    func upload() async throws {
        try await StoreFixture.with { fixture in
            let (store, key) = (fixture.store, fixture.prefix + "p")
            let body = ByteBuffer(string: "12345")
            let digest = Digest256.of("12345")
            let request = PresignRequest.put(key: key, length: 5, contentType: "a/b", checksumSHA256: digest)
            let url = try store.presign(request, expiresIn: .seconds(60))
            #expect(try await send(.PUT, url, headers: request.requiredHeaders, body: body).status == 200)
            #expect(try await store.head(key)?.size == 5)
            let longer = try await send(
                .PUT,
                url,
                headers: request.requiredHeaders,
                body: ByteBuffer(string: "123456")
            )
            #expect(longer.status == 403)

            let id = try await store.createMultipartUpload(key + "m", contentType: nil, metadata: [:])
            let part = PresignRequest.uploadPart(key: key + "m", uploadID: id, number: 1, length: 5)
            let partURL = try store.presign(part, expiresIn: .seconds(60))
            let answer = try await send(.PUT, partURL, headers: part.requiredHeaders, body: body)
            #expect(answer.status == 200)
            let parts = try await store.listParts(key + "m", uploadID: id, after: 0).parts
            #expect(parts.map(\.size) == [5])
            try await store.abortMultipartUpload(key + "m", uploadID: id)
        }
    }
}
