import Determinism
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import Testing

@Suite("A store that fails")
struct FaultyStoreTests {
    @Test("a busy store is asked again, and not before it wants to be")
    func retryAfter() async throws {
        try await ScriptedStore.with([
            .answer(503, headers: [("Retry-After", "1")], body: ScriptedStore.slowDown),
            .answer(200, headers: [("ETag", "\"e\"")]),
        ]) { store, server in
            let start = ContinuousClock.now
            let stored = try await store.put("k", body: ScriptedStore.oneByte)
            #expect(stored.etag == "e")
            #expect(ContinuousClock.now - start >= .seconds(1))
            #expect(server.received.map(\.body) == [ByteBuffer(string: "x"), ByteBuffer(string: "x")])
        }
    }

    @Test("what goes over the wire is the address that was signed, byte for byte")
    func wire() async throws {
        try await ScriptedStore.with([.answer(200), .answer(204)]) { store, server in
            _ = try await store.put("a b+c//x%41/é'(;=:@&$,!*)~/", body: ScriptedStore.oneByte)
            try await store.delete("k", versionID: "v/+ =&")
            #expect(
                server.received.map(\.uri) == [
                    "/bucket/a%20b%2Bc//x%2541/%C3%A9%27%28%3B%3D%3A%40%26%24%2C%21%2A%29~/",
                    "/bucket/k?versionId=v%2F%2B%20%3D%26",
                ]
            )
            let secretless = server.received.allSatisfy { !"\($0)".contains("hush-hush") }
            #expect(secretless)
        }
    }

    @Test("a stream is never sent twice")
    func streamOnce() async throws {
        try await ScriptedStore.with([.answer(503, body: ScriptedStore.slowDown)]) { store, server in
            let failure = await storeFailure {
                _ = try await store.put("k", body: .stream(length: 300_000, Pattern(count: 300_000)))
            }
            guard case .unavailable = failure else {
                return recordUnexpected("\(String(describing: failure))")
            }
            #expect(server.received.count == 1)
        }
    }

    @Test(
        "a connection lost before the body went is plain unavailability",
        arguments: [ScriptedStore.Move.dropAtHead]
    )
    func lostInBody(move: ScriptedStore.Move) async throws {
        try await ScriptedStore.with([move]) { store, _ in
            let failure = await storeFailure {
                _ = try await store.put("k", body: .stream(length: 40_000_000, Pattern(count: 40_000_000)))
            }
            guard case .unavailable = failure else {
                return recordUnexpected("\(String(describing: failure))")
            }
        }
    }

    @Test("a refused connection is unavailability, at once")
    func refusedConnection() async throws {
        try await ScriptedStore.with([]) {
            $0.endpoint = "http://127.0.0.1:1"
        } _: { store, _ in
            let failure = await storeFailure { _ = try await store.put("k", body: ScriptedStore.oneByte) }
            guard case .unavailable = failure else {
                return recordUnexpected("\(String(describing: failure))")
            }
        }
    }

    @Test("I59 a wrong clock is corrected once, and stays corrected")
    func skew() async throws {
        let refusal = "<Error><Code>RequestTimeTooSkewed</Code></Error>"
        let time = TestTime(offset: .seconds(7200))
        let date = httpDate(TestTime().now)
        try await ScriptedStore.with(
            [.answer(403, headers: [("Date", date)], body: refusal), .answer(200), .answer(200)],
            time: time
        ) { store, server in
            _ = try await store.put("k", body: ScriptedStore.oneByte)
            _ = try await store.put("k", body: ScriptedStore.oneByte)
            let stamps = server.received.compactMap { $0.headers.first(name: "x-amz-date") }
            #expect(stamps.count == 3)
            #expect(stamps[0].prefix(11) != stamps[1].prefix(11))
            #expect(stamps[1].prefix(11) == stamps[2].prefix(11))
        }
    }

    @Test("an endless answer is refused")
    func hugeAnswer() async throws {
        let huge = "<a>" + String(repeating: " ", count: 9 << 20) + "</a>"
        try await ScriptedStore.with([.answer(200, body: huge)]) { store, _ in
            let failure = await storeFailure {
                _ = try await store.list(prefix: "", startAfter: nil, continuationToken: nil, limit: 1)
            }
            guard case .unexpectedAnswer = failure else {
                return recordUnexpected("\(String(describing: failure))")
            }
        }
    }

    @Test("a cut listing that cannot be continued is an error, and so is one out of order")
    func listings() async throws {
        func entry(_ key: String) -> String { "<Contents><Key>\(key)</Key><Size>1</Size></Contents>" }
        let bad = [
            "<IsTruncated>true</IsTruncated>", entry("a"),
            entry("b") + entry("a") + "<IsTruncated>false</IsTruncated>",
            "<Contents><Key>a</Key></Contents><IsTruncated>false</IsTruncated>",
        ]
        let moves = bad.map {
            ScriptedStore.Move.answer(200, body: "<ListBucketResult>\($0)</ListBucketResult>")
        }
        try await ScriptedStore.with(moves) { store, _ in
            for _ in bad {
                let failure = await storeFailure {
                    _ = try await store.list(prefix: "", startAfter: nil, continuationToken: nil, limit: 2)
                }
                guard case .unexpectedAnswer = failure else {
                    return recordUnexpected("\(String(describing: failure))")
                }
            }
        }
    }
}

private func httpDate(_ time: Timestamp) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return format.string(from: Date(timeIntervalSince1970: Double(time.secondsSinceEpoch)))
}
