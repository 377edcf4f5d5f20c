import Digests
import NIOCore
import ObjectStore
import Testing

@Suite("DevStore holds multipart uploads to their checksums as AWS does")
struct ChecksumDemandTests {
    private func put(_ text: String, _ request: PresignRequest, _ client: S3Store) async throws -> Int {
        try await PlainClient.put(text, request, to: try client.presign(request, expiresIn: .seconds(60)))
    }

    private func complete(
        _ id: String,
        _ parts: [CompletedPart],
        _ client: S3Store
    ) async throws -> CompletedUpload {
        try await client.completeMultipartUpload("k", uploadID: id, parts: parts, ifNoneMatchAny: false)
    }

    private func refusal(_ work: () async throws -> Void) async throws -> String? {
        do {
            try await work()
            return nil
        } catch StoreFailure.refused(_, let code, _) { return code }
    }

    @Test(
        "an upload begun with a kind takes parts of that kind only",
        arguments: [PartChecksum.Kind.sha256, .crc32c]
    )
    func composite(kind: PartChecksum.Kind) async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.withClient { client in
                let sums = try [
                    PartChecksum(Digest256.of("abc")), #require(PartChecksum(.crc32c, base64: "Nks/tw==")),
                ]
                let sum = try #require(sums.first { $0.kind == kind })
                let other = try #require(sums.first { $0.kind != kind })
                let id = try await client.createMultipartUpload(
                    "k",
                    contentType: nil,
                    metadata: [:],
                    checksum: kind
                )
                func part(_ sum: PartChecksum?) -> PresignRequest {
                    .uploadPart(key: "k", uploadID: id, number: 1, length: 3, checksum: sum)
                }
                #expect(try await put("abc", part(nil), client) == 400)
                #expect(try await put("abc", part(other), client) == 400)
                #expect(try await put("abc", part(sum), client) == 200)

                let listed = try await client.listParts("k", uploadID: id, after: 0).parts
                #expect(listed.map(\.checksums) == [[sum]])
                let bare = listed.map { CompletedPart(number: $0.number, etag: $0.etag) }
                #expect(try await refusal { _ = try await complete(id, bare, client) } == "InvalidRequest")
                let wrong = bare.map { CompletedPart(number: $0.number, etag: $0.etag, checksum: other) }
                #expect(try await refusal { _ = try await complete(id, wrong, client) } == "InvalidPart")
                _ = try await complete(id, listed.map { CompletedPart($0) }, client)
                #expect(try await client.head("k")?.size == 3)
            }
        }
    }

    @Test(
        "parts sent by this client bear the upload's kind, or the profile's",
        arguments: [.sha256, .crc32c, .crc64nvme, nil] as [PartChecksum.Kind?]
    )
    func sent(kind: PartChecksum.Kind?) async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.withClient(streamSigning: .unsignedTrailer(.crc32c)) { client in
                let id = try await client.createMultipartUpload(
                    "k",
                    contentType: nil,
                    metadata: [:],
                    checksum: kind
                )
                let long = 5 << 20
                let bodies: [ObjectBody] = [
                    .stream(length: Int64(long), Pattern(count: long)),
                    .bytes(Pattern.bytes(long..<long + 3)),
                ]
                for (body, number) in zip(bodies, 1...) {
                    _ = try await client.uploadPart(
                        "k",
                        uploadID: id,
                        number: number,
                        body: body,
                        checksum: kind
                    )
                }
                let listed = try await client.listParts("k", uploadID: id, after: 0).parts
                #expect(
                    listed.map(\.checksums).map { $0.map(\.kind) }
                        == (kind.map { [[$0], [$0]] } ?? [[.crc32c], []])
                )
                _ = try await complete(id, listed.map { CompletedPart($0) }, client)
                #expect(try await client.get("k").body.all() == Pattern.bytes(count: long + 3))
            }
        }
    }

    @Test("a part that came with a checksum is missed where the list does not name it")
    func unnamed() async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.withClient { client in
                let id = try await client.createMultipartUpload("k", contentType: nil, metadata: [:])
                let sum = try #require(PartChecksum(.crc64nvme, base64: "BeXKuz/B+us="))
                let part = PresignRequest.uploadPart(
                    key: "k",
                    uploadID: id,
                    number: 1,
                    length: 3,
                    checksum: sum
                )
                #expect(try await put("abc", part, client) == 200)
                let listed = try await client.listParts("k", uploadID: id, after: 0).parts
                let bare = listed.map { CompletedPart(number: $0.number, etag: $0.etag) }
                #expect(try await refusal { _ = try await complete(id, bare, client) } == "InvalidPart")
                _ = try await complete(id, listed.map { CompletedPart($0) }, client)
            }
        }
    }
}
