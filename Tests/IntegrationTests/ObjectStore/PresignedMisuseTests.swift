import NIOCore
import NIOHTTP1
import ObjectStore
import Testing

@Suite("I57 a presigned URL for anything else than it was made for is refused")
struct PresignedMisuseTests {
    /// A URL for part 1 and one for a whole object, each of the five bytes `12345`.
    private func withURLs(
        time: TestTime = TestTime(),
        _ body: (StoreFixture, String, [(request: PresignRequest, url: String)]) async throws -> Void
    ) async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "k"
            let id = try await fixture.store.createMultipartUpload(key, contentType: nil, metadata: [:])
            // A signer with another clock is only asked to sign: the store would correct it.
            try await StoreFixture.with(time: time) { signing in
                let requests: [PresignRequest] = [
                    .put(key: key, length: 5), .uploadPart(key: key, uploadID: id, number: 1, length: 5),
                ]
                let urls = try requests.map { ($0, try signing.presign($0)) }
                try await body(fixture, key, urls)
            }
            #expect(try await fixture.store.head(key) == nil)
            #expect(try await fixture.store.listParts(key, uploadID: id, after: 0).parts.isEmpty)
            try await fixture.store.abortMultipartUpload(key, uploadID: id)
        }
    }

    @Test("a longer body, a shorter one, none, and one of untold length")
    func lengths() async throws {
        try await withURLs { _, _, urls async throws in
            for (request, url) in urls {
                for body in ["123456", "1234", ""] {
                    #expect(try await PlainClient.put(body, request, to: url) == 403, "\(body)")
                }
                #expect(
                    [400, 403, 411].contains(try await PlainClient.putChunked("12345", request, to: url))
                )
            }
        }
    }

    @Test("an expired URL, also one whose expiry was edited")
    func expired() async throws {
        try await withURLs(time: TestTime(offset: .seconds(-120))) { _, _, urls async throws in
            for (request, url) in urls {
                #expect(try await PlainClient.put("12345", request, to: url) == 403)
                let edited = url.replacing("X-Amz-Expires=60", with: "X-Amz-Expires=600")
                #expect(edited != url)
                #expect(try await PlainClient.put("12345", request, to: edited) == 403)
            }
        }
    }

    @Test("another key, part, upload or bucket")
    func elsewhere() async throws {
        try await withURLs { fixture, key, urls in
            let other = fixture.prefix + "other"
            let id = try await fixture.store.createMultipartUpload(other, contentType: nil, metadata: [:])
            for (request, url) in urls {
                var edits = [url.replacing(key, with: other)]
                if case .uploadPart(_, let uploadID, _, _, _) = request {
                    edits.append(url.replacing("partNumber=1", with: "partNumber=2"))
                    edits.append(url.replacing(uploadID, with: id))
                    edits.append(url.replacing(key, with: other).replacing(uploadID, with: id))
                } else {
                    edits.append(url + "&partNumber=1&uploadId=\(id)")
                }
                for edited in edits {
                    #expect(edited != url)
                    #expect(try await PlainClient.put("12345", request, to: edited) == 403, "\(edited)")
                }
            }
            #expect(try await fixture.store.head(other) == nil)
            #expect(try await fixture.store.listParts(other, uploadID: id, after: 0).parts.isEmpty)
            try await fixture.store.abortMultipartUpload(other, uploadID: id)
        }
    }

    @Test("another method", arguments: [.GET, .HEAD, .POST, .DELETE] as [HTTPMethod])
    func methods(method: HTTPMethod) async throws {
        try await withURLs { _, _, urls async throws in
            for (request, url) in urls {
                let body = method == .POST ? "12345" : nil
                let answer = try await PlainClient.send(method, url, request.requiredHeaders, body)
                // A key knows no POST of its own; some look at the signature first, some at that.
                #expect(answer.status == 403 || (method == .POST && answer.status == 405), "\(answer.status)")
            }
        }
    }

    @Test("the URL of a part after its upload was completed, or aborted")
    func afterwards() async throws {
        try await StoreFixture.with { fixture in
            let (store, key) = (fixture.store, fixture.prefix + "done")
            for isCompleted in [true, false] {
                let id = try await store.createMultipartUpload(key, contentType: nil, metadata: [:])
                let request = PresignRequest.uploadPart(key: key, uploadID: id, number: 1, length: 5)
                let url = try fixture.presign(request)
                #expect(try await PlainClient.put("12345", request, to: url) == 200)
                // Until then it may be used again: the part is replaced.
                #expect(try await PlainClient.put("54321", request, to: url) == 200)
                let parts = try await store.listParts(key, uploadID: id, after: 0).parts
                if isCompleted {
                    _ = try await store.completeMultipartUpload(
                        key,
                        uploadID: id,
                        parts: parts.map { CompletedPart($0) },
                        ifNoneMatchAny: false
                    )
                } else {
                    try await store.abortMultipartUpload(key, uploadID: id)
                }
                // radosgw answers 500 after an abort.
                #expect(try await PlainClient.put("12345", request, to: url) >= 400)
                #expect(try await store.get(key).body.all() == ByteBuffer(string: "54321"))
                #expect(
                    try await store.listMultipartUploads(prefix: key, after: nil, limit: 10).uploads.isEmpty
                )
            }
        }
    }
}

extension StoreFixture {
    fileprivate func presign(_ request: PresignRequest) throws -> String {
        try store.presign(request, expiresIn: .seconds(60))
    }
}
