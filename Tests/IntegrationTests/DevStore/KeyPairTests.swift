import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ObjectStore
import Testing

@Suite("DevStore's restricted key pairs")
struct KeyPairTests {
    @Test("The no-delete pair stores, reads and aborts, but deletes nothing")
    func noDelete() async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.withClient(accessKey: DevStoreFixture.noDeleteKey) { client in
                _ = try await client.put("kept", body: .bytes(ByteBuffer(string: "1")))
                let upload = try await client.createMultipartUpload("part", contentType: nil, metadata: [:])
                try await client.abortMultipartUpload("part", uploadID: upload)
                await expectRefused { try await client.delete("kept", versionID: nil) }
                await expectRefused { _ = try await client.deleteBatch([ObjectIdentifier(key: "kept")]) }
                #expect(try await client.head("kept") != nil)
            }
            try await fixture.withClient { client in
                try await client.delete("kept", versionID: nil)
                #expect(try await client.head("kept") == nil)
            }
        }
    }

    @Test("The put-only pair stores below its prefix and does nothing else")
    func putOnly() async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.withClient(accessKey: DevStoreFixture.putOnlyKey) { client in
                let url = try client.presign(.put(key: "incoming/a", length: 3), expiresIn: .seconds(60))
                #expect(try await put("abc", to: url) == 200)
                let other = try client.presign(.put(key: "elsewhere/a", length: 3), expiresIn: .seconds(60))
                #expect(try await put("abc", to: other) == 403)
                await expectRefused { _ = try await client.get("incoming/a") }
                await expectRefused { try await client.delete("incoming/a", versionID: nil) }
            }
        }
    }

    @Test(
        "I57 URLs made with the put-only pair, at another address, store below its prefix and show no other key"
    )
    func presigned() async throws {
        try await DevStoreFixture.with { fixture in
            let other = fixture.endpoint.replacing("127.0.0.1", with: "localhost")
            #expect(other != fixture.endpoint)
            let presigning = S3Presigning(
                credentials: S3Credentials(
                    accessKeyID: DevStoreFixture.putOnlyKey,
                    secretAccessKey: DevStoreFixture.secretKey
                ),
                endpoint: other
            )
            try await fixture.withClient(presigning: presigning) { client in
                let key = "incoming/m"
                let id = try await client.createMultipartUpload(key, contentType: nil, metadata: [:])
                let part = try client.presign(
                    .uploadPart(key: key, uploadID: id, number: 1, length: 3),
                    expiresIn: .seconds(60)
                )
                #expect(part.hasPrefix(other) && !part.contains(DevStoreFixture.accessKey))
                #expect(try await put("abc", to: part) == 200)
                #expect(try await client.listParts(key, uploadID: id, after: 0).parts.map(\.size) == [3])
                // The signature is for that address only.
                let direct = part.replacing(other, with: fixture.endpoint)
                #expect(try await put("abc", to: direct) == 403)
                let elsewhere = try client.presign(
                    .put(key: "elsewhere/a", length: 3),
                    expiresIn: .seconds(60)
                )
                #expect(try await put("abc", to: elsewhere) == 403)
                let reading = try client.presign(.get(key: key), expiresIn: .seconds(60))
                let answer = try await HTTPClient.shared.execute(
                    HTTPClientRequest(url: reading),
                    timeout: .seconds(10)
                )
                #expect(answer.status == .forbidden)
            }
        }
    }
}

private func expectRefused(
    _ work: () async throws -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    await #expect(sourceLocation: sourceLocation) {
        try await work()
    } throws: { error in
        guard case StoreFailure.refused(403, "AccessDenied", _) = error else { return false }
        return true
    }
}

private func put(_ text: String, to url: String) async throws -> Int {
    var request = HTTPClientRequest(url: url)
    request.method = .PUT
    request.body = .bytes(ByteBuffer(string: text))
    return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(10)).status.code)
}
