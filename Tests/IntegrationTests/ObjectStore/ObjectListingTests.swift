import NIOCore
import ObjectStore
import Testing

@Suite("What a real store lists, and removes of it")
struct ObjectListingTests {
    @Test("a listing is paged, in UTF-8 order, and can start after a key")
    func listing() async throws {
        try await StoreFixture.with { fixture in
            let names = ["a", "a/b", "a b", "z", "é", "\u{FFFD}", "😀", "Z", "a+b"]
            for name in names {
                _ = try await fixture.store.put(fixture.prefix + name, body: .bytes(ByteBuffer()))
            }
            var seen: [String] = []
            var token: String?
            repeat {
                let page = try await fixture.store.list(
                    prefix: fixture.prefix,
                    startAfter: nil,
                    continuationToken: token,
                    limit: 2
                )
                #expect(page.objects.count <= 2)
                seen += page.objects.map { String($0.key.dropFirst(fixture.prefix.count)) }
                token = page.nextToken
            } while token != nil
            let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect(seen == sorted)
            let rest = try await fixture.store.list(
                prefix: fixture.prefix,
                startAfter: fixture.prefix + sorted[4],
                continuationToken: nil,
                limit: 1000
            )
            #expect(
                rest.objects.map { String($0.key.dropFirst(fixture.prefix.count)) } == Array(sorted[5...])
            )
        }
    }

    @Test("every version of a key can be listed and removed")
    func versions() async throws {
        try await StoreFixture.with { fixture in
            let (store, key) = (fixture.store, fixture.prefix + "v ü")
            _ = try await store.put(key, body: .bytes(ByteBuffer(string: "1")))
            _ = try await store.put(fixture.prefix + "w", body: .bytes(ByteBuffer(string: "22")))
            let first = try await store.listVersions(prefix: fixture.prefix, after: nil, limit: 1)
            let second = try await store.listVersions(prefix: fixture.prefix, after: first.next, limit: 1000)
            #expect((first.versions + second.versions).map(\.key) == [key, fixture.prefix + "w"])
            #expect((first.versions + second.versions).map(\.size) == [1, 2])
            #expect(second.next == nil)
            for version in first.versions {
                try await store.delete(version.key, versionID: version.versionID)
            }
            let batch = second.versions.map { ObjectIdentifier(key: $0.key, versionID: $0.versionID) }
            let results = try await store.deleteBatch(batch)
            #expect(results.allSatisfy { $0.failure == nil })
            let left = try await store.listVersions(prefix: fixture.prefix, after: nil, limit: 1000)
            #expect(left.versions.isEmpty)
        }
    }

    @Test("a batch larger than the store's limit is refused here")
    func largeBatch() async throws {
        try await StoreFixture.with { fixture in
            let objects = (0...1000).map { ObjectIdentifier(key: "\(fixture.prefix)\($0)") }
            await #expect(throws: StoreFailure.self) { try await fixture.store.deleteBatch(objects) }
            let none = try await fixture.store.deleteBatch([])
            #expect(none.isEmpty)
        }
    }
}
