import Digests
import NIOCore
import NIOHTTP1
import ObjectStore
import Testing

@Suite("I57 presigned URLs, used by a plain HTTP client")
struct PresignedTests {
    @Test("GET with a disposition")
    func get() async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "weird name ü+&.txt"
            _ = try await fixture.store.put(key, body: .bytes(ByteBuffer(string: "content")))
            let url = try fixture.store.presign(
                .get(key: key, disposition: "attachment; filename=\"x.txt\"", contentType: "text/x-test"),
                expiresIn: .seconds(60)
            )
            let answer = try await PlainClient.send(.GET, url)
            #expect(answer.status == 200)
            #expect(answer.body == ByteBuffer(string: "content"))
            #expect(answer.headers.first(name: "content-disposition") == "attachment; filename=\"x.txt\"")
            let other = url.replacing("x.txt", with: "y.txt")
            #expect(try await PlainClient.send(.GET, other).status == 403)
        }
    }

    @Test("PUT stores what was announced, with its description, and nothing else")
    func put() async throws {
        try await StoreFixture.with { fixture in
            let (store, key) = (fixture.store, fixture.prefix + "p")
            let request = PresignRequest.put(
                key: key,
                length: 5,
                contentType: "a/b",
                checksum: PartChecksum(Digest256.of("12345")),
                metadata: ["attempt": "2"]
            )
            let url = try store.presign(request, expiresIn: .seconds(60))
            #expect(try await PlainClient.put("12345", request, to: url) == 200)
            let facts = try #require(try await store.head(key))
            #expect(facts.size == 5 && facts.contentType == "a/b" && facts.metadata["attempt"] == "2")
            for (name, value) in [("content-type", "a/c"), ("x-amz-meta-attempt", "3")] {
                let others = request.requiredHeaders.map { $0.name == name ? (name, value) : $0 }
                #expect(try await PlainClient.send(.PUT, url, others, "12345").status == 403, "\(name)")
                let fewer = request.requiredHeaders.filter { $0.name != name }
                #expect(try await PlainClient.send(.PUT, url, fewer, "12345").status == 403, "\(name)")
            }
        }
    }

    @Test("other bytes than the announced checksum's are refused", arguments: PartChecksum.Kind.allCases)
    func otherBytes(kind: PartChecksum.Kind) async throws {
        try await StoreFixture.with { fixture in
            guard fixture.store.profile.checksumsEnforced || kind == .md5 else { return }
            let (store, key) = (fixture.store, fixture.prefix + kind.rawValue)
            let sum = try #require(checksum(of: "12345", kind))
            let id = try await store.createMultipartUpload(
                key,
                contentType: nil,
                metadata: [:],
                checksum: kind
            )
            let requests: [PresignRequest] = [
                .put(key: key, length: 5, checksum: sum),
                .uploadPart(key: key, uploadID: id, number: 1, length: 5, checksum: sum),
            ]
            for request in requests {
                let url = try store.presign(request, expiresIn: .seconds(60))
                #expect(try await PlainClient.put("12346", request, to: url) == 400)
                // Neither without the checksum nor with the one of the other bytes.
                let bare = request.requiredHeaders.filter { $0.name != sum.headerName }
                #expect(try await PlainClient.send(.PUT, url, bare, "12346").status == 403)
                let forged = bare + [(sum.headerName, checksum(of: "12346", kind)?.base64 ?? "")]
                #expect(try await PlainClient.send(.PUT, url, forged, "12346").status == 403)
            }
            #expect(try await store.head(key) == nil)
            #expect(try await store.listParts(key, uploadID: id, after: 0).parts.isEmpty)

            for request in requests {
                let url = try store.presign(request, expiresIn: .seconds(60))
                #expect(try await PlainClient.put("12345", request, to: url) == 200)
            }
            let listed = try await store.listParts(key, uploadID: id, after: 0).parts
            #expect(listed.map(\.size) == [5])
            if fixture.store.profile.checksumsEnforced {
                #expect(listed.map(\.checksums) == [kind == .md5 ? [] : [sum]])
            }
            let parts = listed.map { CompletedPart($0) }
            _ = try await store.completeMultipartUpload(
                key,
                uploadID: id,
                parts: parts,
                ifNoneMatchAny: false
            )
            #expect(try await store.get(key).body.all() == ByteBuffer(string: "12345"))
        }
    }

    @Test("a URL that stores only where nothing is works once")
    func once() async throws {
        try await StoreFixture.with { fixture in
            guard fixture.store.profile.conditionalWritesEnforced else { return }
            let request = PresignRequest.put(key: fixture.prefix + "once", length: 1, ifNoneMatchAny: true)
            let url = try fixture.store.presign(request, expiresIn: .seconds(60))
            #expect(try await PlainClient.put("a", request, to: url) == 200)
            #expect(try await PlainClient.put("b", request, to: url) == 412)
            let unconditional = request.requiredHeaders.filter { $0.name != "if-none-match" }
            #expect(try await PlainClient.send(.PUT, url, unconditional, "b").status == 403)
            let body = try await fixture.store.get(fixture.prefix + "once").body.all()
            #expect(body == ByteBuffer(string: "a"))
        }
    }
}

/// Of a short text.
private func checksum(of text: String, _ kind: PartChecksum.Kind) -> PartChecksum? {
    switch kind {
    case .sha256: return PartChecksum(Digest256.of(text))
    case .md5: return PartChecksum(.md5, base64: Digest128.of(text.utf8).base64)
    case .crc32c:
        var sum = CRC32C()
        sum.update(text.utf8)
        return PartChecksum(.crc32c, base64: sum.base64)
    case .crc64nvme:
        var sum = CRC64NVME()
        sum.update(text.utf8)
        return PartChecksum(.crc64nvme, base64: sum.base64)
    }
}
