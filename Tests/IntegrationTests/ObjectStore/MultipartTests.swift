import NIOCore
import ObjectStore
import Synchronization
import Testing

@Suite("Multipart uploads in a real store")
struct MultipartTests {
    private let part = 5 << 20

    @Test("parts become one object; a second completion is told as not there or as done")
    func complete() async throws {
        try await StoreFixture.with { fixture in
            let (store, key) = (fixture.store, fixture.prefix + "m")
            let id = try await store.createMultipartUpload(
                key,
                contentType: "a/b",
                metadata: ["attempt": "1"]
            )
            let first = try await store.uploadPart(
                key,
                uploadID: id,
                number: 1,
                body: .stream(length: Int64(part), Pattern(count: part))
            )
            let second = try await store.uploadPart(
                key,
                uploadID: id,
                number: 2,
                body: .bytes(Pattern.bytes(part..<part + 10))
            )
            let page = try await store.listParts(key, uploadID: id, after: 0)
            #expect(page.parts.map(\.number) == [1, 2] && page.next == nil)
            #expect(page.parts.map(\.size) == [Int64(part), 10])
            #expect(page.parts.map(\.etag) == [first, second])
            #expect(try await store.listParts(key, uploadID: id, after: 1).parts.map(\.number) == [2])
            let open = try await store.listMultipartUploads(prefix: key, after: nil, limit: 10)
            #expect(open.uploads.map(\.uploadID) == [id] && open.uploads.first?.key == key)

            let parts = [CompletedPart(number: 1, etag: first), CompletedPart(number: 2, etag: second)]
            _ = try await store.completeMultipartUpload(
                key,
                uploadID: id,
                parts: parts,
                ifNoneMatchAny: false
            )
            let facts = try #require(try await store.head(key))
            #expect(facts.size == Int64(part + 10))
            #expect(facts.metadata["attempt"] == "1" && facts.contentType == "a/b")
            #expect(try await store.get(key).body.all() == Pattern.bytes(count: part + 10))
            do {
                _ = try await store.completeMultipartUpload(
                    key,
                    uploadID: id,
                    parts: parts,
                    ifNoneMatchAny: false
                )
            } catch StoreFailure.notFound(let code) {
                #expect(code == "NoSuchUpload")
            }
        }
    }

    @Test("abort removes the parts, and may be repeated")
    func abort() async throws {
        try await StoreFixture.with { fixture in
            let (store, key) = (fixture.store, fixture.prefix + "abort")
            let id = try await store.createMultipartUpload(key, contentType: nil, metadata: [:])
            _ = try await store.uploadPart(
                key,
                uploadID: id,
                number: 1,
                body: .bytes(ByteBuffer(string: "x"))
            )
            try await store.abortMultipartUpload(key, uploadID: id)
            try await store.abortMultipartUpload(key, uploadID: id)
            #expect(try await store.listMultipartUploads(prefix: key, after: nil, limit: 10).uploads.isEmpty)
        }
    }

    @Test("what cannot become an object is refused")
    func refused() async throws {
        try await StoreFixture.with { fixture in
            let (store, key) = (fixture.store, fixture.prefix + "bad")
            let id = try await store.createMultipartUpload(key, contentType: nil, metadata: [:])
            let small = try await store.uploadPart(
                key,
                uploadID: id,
                number: 1,
                body: .bytes(ByteBuffer(string: "1"))
            )
            let next = try await store.uploadPart(
                key,
                uploadID: id,
                number: 2,
                body: .bytes(ByteBuffer(string: "2"))
            )
            for parts in [
                [CompletedPart(number: 1, etag: small), CompletedPart(number: 2, etag: next)],
                [CompletedPart(number: 2, etag: next), CompletedPart(number: 1, etag: small)],
                [CompletedPart(number: 1, etag: "0123456789abcdef0123456789abcdef")], [],
            ] {
                do {
                    _ = try await store.completeMultipartUpload(
                        key,
                        uploadID: id,
                        parts: parts,
                        ifNoneMatchAny: false
                    )
                    Issue.record("completed")
                } catch StoreFailure.refused(_, let code, _) {
                    #expect(["EntityTooSmall", "InvalidPart", "InvalidPartOrder"].contains(code))
                }
            }
            for number in [0, -1, 10_001] {
                await #expect(throws: StoreFailure.self) {
                    try await store.uploadPart(key, uploadID: id, number: number, body: .bytes(ByteBuffer()))
                }
            }
            try await store.abortMultipartUpload(key, uploadID: id)
            #expect(try await store.head(key) == nil)
        }
    }

    @Test(
        "a stream of unknown length is one PUT up to 8 MiB, parts beyond",
        arguments: [0, 1, 8 << 20, (8 << 20) + 1, 16 << 20, 20_000_000]
    )
    func unknownLength(count: Int) async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "u"
            let announced = Mutex<[String]>([])
            let done = try await fixture.store.upload(key, Pattern(count: count)) { id in
                announced.withLock { $0.append(id) }
                // Nothing may have left yet: the id must be committed first.
                let parts = try await fixture.store.listParts(key, uploadID: id, after: 0)
                #expect(parts.parts.isEmpty)
            }
            #expect(done.size == Int64(count))
            #expect(done.partCount == max(1, (count + (8 << 20) - 1) / (8 << 20)))
            #expect(announced.withLock { $0 } == [done.uploadID].compactMap { $0 })
            #expect((done.uploadID == nil) == (count <= 8 << 20))
            #expect(try await fixture.store.get(key).body.all() == Pattern.bytes(count: count))
        }
    }

    @Test("an upload whose stream fails, or whose id cannot be recorded, is aborted and leaves nothing")
    func failing() async throws {
        try await StoreFixture.with { fixture in
            let (store, key) = (fixture.store, fixture.prefix + "fails")
            let refusing: @Sendable (String) async throws -> Void = { _ in throw PlannedFailure() }
            for (count, created) in [(100, nil), (9_000_000, nil), (9_000_000, refusing)]
                as [(Int, (@Sendable (String) async throws -> Void)?)]
            {
                let failure: (any Error)? = created == nil ? PlannedFailure() : nil
                do {
                    _ = try await store.upload(
                        key,
                        Pattern(count: count, failure: failure),
                        created: created ?? { _ in }
                    )
                    Issue.record("stored")
                } catch let error as UploadFailure {
                    guard case .bodyFailed(let inner) = error.failure, inner is PlannedFailure else {
                        Issue.record("\(error)")
                        return
                    }
                    #expect(error.wasAborted == (count > 100))
                }
                #expect(try await store.head(key) == nil)
                #expect(
                    try await store.listMultipartUploads(prefix: key, after: nil, limit: 10).uploads.isEmpty
                )
            }
        }
    }
}
