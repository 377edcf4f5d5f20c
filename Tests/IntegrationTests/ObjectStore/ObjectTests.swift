import Digests
import Logging
import NIOCore
import NIOHTTP1
import ObjectStore
import Testing

@Suite("Objects in a real store")
struct ObjectTests {
    @Test("what is put is got, with its type and metadata")
    func roundTrip() async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "a"
            let body = ByteBuffer(string: "hello")
            let stored = try await fixture.store.put(
                key,
                body: .bytes(body),
                contentType: "text/plain; charset=utf-8",
                metadata: ["Attempt": "7"],
                ifNoneMatchAny: false
            )
            #expect(stored.etag == Digest128.of("hello".utf8).hex)
            let facts = try #require(try await fixture.store.head(key))
            #expect(facts.size == 5)
            #expect(facts.etag == stored.etag)
            #expect(facts.contentType?.hasPrefix("text/plain") == true)
            #expect(facts.metadata == ["attempt": "7"])
            #expect(facts.lastModified != nil)
            let download = try await fixture.store.get(key, range: nil, ifMatch: stored.etag)
            #expect(download.length == 5 && download.contentRange == nil)
            #expect(try await download.body.all() == body)
        }
    }

    @Test("an empty object, in bytes and as a stream")
    func empty() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            for body in [ObjectBody.bytes(ByteBuffer()), .stream(length: 0, Pattern(count: 0))] {
                _ = try await store.put(fixture.prefix + "empty", body: body)
                #expect(try await store.head(fixture.prefix + "empty")?.size == 0)
                #expect(try await store.get(fixture.prefix + "empty").body.all().readableBytes == 0)
            }
        }
    }

    @Test(
        "keys of any UTF-8",
        arguments: [
            "a b+c", "ümlaut/€/日本", "👩‍🚀", "%41%2F", "a?b#c&d=e;f", "q'\"<>&", "e\u{301} and \u{e9}",
            "a:b@c,d!$*()", "tab\there", "bell\u{7}", "trailing/",
        ]
    )
    func keys(name: String) async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + name
            let body = ByteBuffer(string: name)
            _ = try await fixture.store.put(key, body: .bytes(body))
            #expect(try await fixture.store.get(key).body.all() == body)
            let page = try await fixture.store.list(
                prefix: fixture.prefix,
                startAfter: nil,
                continuationToken: nil,
                limit: 10
            )
            #expect(page.objects.map { Array($0.key.utf8) } == [Array(key.utf8)])
            let copied = fixture.prefix + "copy of " + name
            _ = try await fixture.store.copy(from: key, to: copied, metadata: ["m": "1"])
            #expect(try await fixture.store.head(copied)?.metadata == ["m": "1"])
            let results = try await fixture.store.deleteBatch([.init(key: key), .init(key: copied)])
            #expect(results.count == 2 && results.allSatisfy { $0.failure == nil })
            #expect(try await fixture.store.head(key) == nil)
        }
    }

    @Test("ranges")
    func ranges() async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "r"
            _ = try await fixture.store.put(key, body: .bytes(Pattern.bytes(count: 1000)))
            for (range, expected) in [
                (ByteRange.bytes(0...0), 0..<1), (.bytes(10...19), 10..<20), (.bytes(990...5000), 990..<1000),
                (.from(700), 700..<1000), (.suffix(3), 997..<1000),
            ] {
                let download = try await fixture.store.get(key, range: range, ifMatch: nil)
                #expect(try await download.body.all() == Pattern.bytes(expected))
                let bounds = ContentRange(
                    first: Int64(expected.lowerBound),
                    last: Int64(expected.upperBound - 1),
                    total: 1000
                )
                #expect(download.contentRange == bounds)
                #expect(download.facts.size == 1000)
            }
            await #expect(throws: StoreFailure.self) {
                try await fixture.store.get(key, range: .from(1000), ifMatch: nil)
            }
        }
    }

    @Test("deleting what is not there succeeds; getting it says NoSuchKey")
    func absent() async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "nothing"
            try await fixture.store.delete(key)
            #expect(try await fixture.store.head(key) == nil)
            do {
                _ = try await fixture.store.get(key)
                Issue.record("got")
            } catch StoreFailure.notFound(let code) {
                #expect(code == "NoSuchKey")
            }
        }
    }

    @Test("a missing bucket is never taken for a missing object")
    func missingBucket() async throws {
        var (settings, _) = try StoreFixture.settings()
        settings.bucket = "no-such-bucket-anywhere"
        let store = try S3Store(
            settings,
            time: TestTime(),
            random: TestRandom(),
            logger: .init(label: "test")
        )
        do {
            _ = try await store.head("k")
            Issue.record("taken for an absent object")
        } catch StoreFailure.notFound(let code) {
            #expect(code == "NoSuchBucket")
        }
        await store.shutdown()
    }

    @Test("only where nothing is, in a store that enforces it")
    func conditional() async throws {
        try await StoreFixture.with { fixture in
            guard fixture.store.profile.conditionalWritesEnforced else { return }
            let key = fixture.prefix + "c"
            let body = ObjectBody.bytes(ByteBuffer(string: "1"))
            _ = try await fixture.store.put(
                key,
                body: body,
                contentType: nil,
                metadata: [:],
                ifNoneMatchAny: true
            )
            do {
                _ = try await fixture.store.put(
                    key,
                    body: body,
                    contentType: nil,
                    metadata: [:],
                    ifNoneMatchAny: true
                )
                Issue.record("overwritten")
            } catch StoreFailure.preconditionFailed {}
        }
    }

    @Test("a wrong secret is refused")
    func wrongSecret() async throws {
        var (settings, _) = try StoreFixture.settings()
        settings.credentials = S3Credentials(
            accessKeyID: settings.credentials.accessKeyID,
            secretAccessKey: "not the secret"
        )
        let store = try S3Store(
            settings,
            time: TestTime(),
            random: TestRandom(),
            logger: .init(label: "test")
        )
        do {
            _ = try await store.put("k", body: .bytes(ByteBuffer(string: "x")))
            Issue.record("accepted")
        } catch StoreFailure.refused(let status, _, _) {
            #expect(status == 403)
        }
        await store.shutdown()
    }
}
