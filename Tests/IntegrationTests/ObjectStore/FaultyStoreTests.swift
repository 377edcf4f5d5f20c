import Determinism
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import Synchronization
import Testing

private let slowDown = "<Error><Code>SlowDown</Code><Message>m</Message></Error>"
private let internalError = "<Error><Code>InternalError</Code><Message>m</Message></Error>"
private let parts = [CompletedPart(number: 1, etag: "e")]
private let bytes = ObjectBody.bytes(ByteBuffer(string: "x"))

private func wrong(_ what: String, at location: SourceLocation = #_sourceLocation) {
    Issue.record(Comment(rawValue: what), sourceLocation: location)
}

/// The failure the call ended with.
private func failure(_ call: () async throws -> Void) async -> StoreFailure? {
    do {
        try await call()
        return nil
    } catch {
        return error as? StoreFailure
    }
}

@Suite("A store that fails")
struct FaultyStoreTests {
    @Test("a busy store is asked again, and not before it wants to be")
    func retryAfter() async throws {
        try await ScriptedStore.with([
            .answer(503, headers: [("Retry-After", "1")], body: slowDown),
            .answer(200, headers: [("ETag", "\"e\"")]),
        ]) { store, server in
            let start = ContinuousClock.now
            let stored = try await store.put("k", body: bytes)
            #expect(stored.etag == "e")
            #expect(ContinuousClock.now - start >= .seconds(1))
            #expect(server.received.map(\.body) == [ByteBuffer(string: "x"), ByteBuffer(string: "x")])
        }
    }

    @Test("what goes over the wire is the address that was signed, byte for byte")
    func wire() async throws {
        try await ScriptedStore.with([.answer(200), .answer(204)]) { store, server in
            _ = try await store.put("a b+c//x%41/é'(;=:@&$,!*)~/", body: bytes)
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
        try await ScriptedStore.with([.answer(503, body: slowDown)]) { store, server in
            let failure = await failure {
                _ = try await store.put("k", body: .stream(length: 300_000, Pattern(count: 300_000)))
            }
            guard case .unavailable = failure else { return wrong("\(String(describing: failure))") }
            #expect(server.received.count == 1)
        }
    }

    @Test("a lost answer to a write is an unknown outcome")
    func lostAnswer() async throws {
        try await ScriptedStore.with([.drop, .drop, .drop, .drop, .drop]) { store, server in
            let streamed = await failure {
                _ = try await store.put("k", body: .stream(length: 300_000, Pattern(count: 300_000)))
            }
            guard case .outcomeUnknown = streamed else {
                return wrong("\(String(describing: streamed))")
            }
            #expect(server.received.count == 1)
            let replayed = await failure { _ = try await store.put("k", body: bytes) }
            guard case .outcomeUnknown = replayed else {
                return wrong("\(String(describing: replayed))")
            }
            #expect(server.received.count == 5)
        }
    }

    @Test("creating and completing an upload is sent once when its answer is lost")
    func lostMultipart() async throws {
        try await ScriptedStore.with([.drop, .drop]) { store, server in
            let created = await failure {
                _ = try await store.createMultipartUpload("k", contentType: nil, metadata: [:])
            }
            guard case .outcomeUnknown = created else {
                return wrong("\(String(describing: created))")
            }
            let completed = await failure {
                _ = try await store.completeMultipartUpload(
                    "k",
                    uploadID: "u",
                    parts: parts,
                    ifNoneMatchAny: false
                )
            }
            guard case .outcomeUnknown = completed else {
                return wrong("\(String(describing: completed))")
            }
            #expect(server.received.count == 2)
        }
    }

    @Test("200 with an error inside is not a success", arguments: ["", "  \n"])
    func errorInside200(space: String) async throws {
        let tooSmall = "\(space)<Error><Code>EntityTooSmall</Code></Error>"
        try await ScriptedStore.with([
            .answer(200, body: space + internalError), .answer(200, body: tooSmall),
            .answer(200, body: space),
        ]) { store, _ in
            var seen: [StoreFailure?] = []
            for _ in 0..<3 {
                seen.append(
                    await failure {
                        _ = try await store.completeMultipartUpload(
                            "k",
                            uploadID: "u",
                            parts: parts,
                            ifNoneMatchAny: false
                        )
                    }
                )
            }
            guard case .outcomeUnknown = seen[0], case .refused(_, "EntityTooSmall", _) = seen[1],
                case .outcomeUnknown = seen[2]
            else { return wrong("\(seen)") }
        }
    }

    @Test("a copy and a batch delete that fail inside 200 are sent again")
    func retriedErrorInside200() async throws {
        try await ScriptedStore.with([
            .answer(200, body: internalError),
            .answer(200, body: "<CopyObjectResult><ETag>&quot;c&quot;</ETag></CopyObjectResult>"),
            .answer(200, body: slowDown),
            .answer(
                200,
                body:
                    "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code></Error>"
                    + "<Error><Key>c</Key><Code>NoSuchKey</Code></Error></DeleteResult>"
            ),
        ]) { store, _ in
            #expect(try await store.copy(from: "a", to: "b", metadata: nil).etag == "c")
            let results = try await store.deleteBatch(["a", "b", "c", "d"].map { ObjectIdentifier(key: $0) })
            #expect(results.map { $0.object.key } == ["a", "b", "c", "d"])
            guard results[0].failure == nil, case .refused = results[1].failure, results[2].failure == nil,
                case .unexpectedAnswer = results[3].failure
            else { return wrong("\(results)") }
        }
    }

    @Test(
        "a connection lost before the body went is plain unavailability",
        arguments: [ScriptedStore.Move.dropAtHead]
    )
    func lostInBody(move: ScriptedStore.Move) async throws {
        try await ScriptedStore.with([move]) { store, _ in
            let failure = await failure {
                _ = try await store.put("k", body: .stream(length: 40_000_000, Pattern(count: 40_000_000)))
            }
            guard case .unavailable = failure else { return wrong("\(String(describing: failure))") }
        }
    }

    @Test("an answer that comes before the body went is believed, and the body is left alone")
    func earlyAnswer() async throws {
        let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        try await ScriptedStore.with([.answerAtHead(403, body: denied)]) { store, _ in
            let failure = await failure {
                _ = try await store.put("k", body: .stream(length: 1_000_000, EndlessWait()))
            }
            guard case .refused(403, "AccessDenied", _) = failure else {
                return wrong("\(String(describing: failure))")
            }
        }
    }

    @Test("a success that comes before the body went is not believed")
    func earlySuccess() async throws {
        try await ScriptedStore.with([.answerAtHead(200, headers: [("ETag", "\"e\"")])]) { store, _ in
            let failure = await failure {
                _ = try await store.put("k", body: .stream(length: 1_000_000, EndlessWait()))
            }
            guard case .outcomeUnknown = failure else { return wrong("\(String(describing: failure))") }
        }
    }

    @Test("a store that stops reading, or never answers, is given up")
    func stalls() async throws {
        try await ScriptedStore.with([.stopReading, .silence]) {
            $0.retries.attemptLimit = 1
            $0.timeouts.progress = .milliseconds(300)
            $0.timeouts.answer = .milliseconds(300)
        } _: { store, _ in
            let inBody = await failure {
                _ = try await store.put("k", body: .stream(length: 40_000_000, Pattern(count: 40_000_000)))
            }
            guard case .unavailable = inBody else { return wrong("\(String(describing: inBody))") }
            let afterBody = await failure { _ = try await store.put("k", body: bytes) }
            guard case .outcomeUnknown = afterBody else {
                return wrong("\(String(describing: afterBody))")
            }
        }
    }

    @Test("a refused connection is unavailability, at once")
    func refusedConnection() async throws {
        try await ScriptedStore.with([]) {
            $0.endpoint = "http://127.0.0.1:1"
        } _: { store, _ in
            let failure = await failure { _ = try await store.put("k", body: bytes) }
            guard case .unavailable = failure else { return wrong("\(String(describing: failure))") }
        }
    }

    @Test("a download that is cut or stalls throws, whatever has come")
    func brokenDownload() async throws {
        try await ScriptedStore.with([
            .cutAnswer(announced: 10, body: "12345"), .stallInAnswer(announced: 10, body: "12345"),
        ]) {
            $0.timeouts.progress = .milliseconds(300)
        } _: { store, _ in
            for _ in 0..<2 {
                let failure = await failure { _ = try await store.get("k").body.all() }
                guard case .unavailable = failure else {
                    return wrong("\(String(describing: failure))")
                }
            }
        }
    }

    @Test("a slow reader is not a stalled store")
    func slowReader() async throws {
        let text = String(repeating: "x", count: 3_000_000)
        try await ScriptedStore.with([.answer(200, body: text)]) {
            $0.timeouts.progress = .seconds(1)
        } _: { store, _ in
            var count = 0
            var isFirst = true
            for try await buffer in try await store.get("k").body {
                if isFirst { try await TestTime().sleep(for: .milliseconds(1500)) }
                isFirst = false
                count += buffer.readableBytes
            }
            #expect(count == text.utf8.count)
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
            _ = try await store.put("k", body: bytes)
            _ = try await store.put("k", body: bytes)
            let stamps = server.received.compactMap { $0.headers.first(name: "x-amz-date") }
            #expect(stamps.count == 3)
            #expect(stamps[0].prefix(11) != stamps[1].prefix(11))
            #expect(stamps[1].prefix(11) == stamps[2].prefix(11))
        }
    }

    @Test("cancelling ends the call and its body")
    func cancellation() async throws {
        try await ScriptedStore.with([.silence]) {
            $0.timeouts.progress = .seconds(60)
            $0.timeouts.answer = .seconds(60)
        } _: { store, _ in
            let call = Task {
                await failure { _ = try await store.put("k", body: .stream(length: 10, EndlessWait())) }
            }
            call.cancel()
            guard case .cancelled = await call.value else { return wrong("not cancelled") }
        }
    }

    @Test("an endless answer is refused")
    func hugeAnswer() async throws {
        let huge = "<a>" + String(repeating: " ", count: 9 << 20) + "</a>"
        try await ScriptedStore.with([.answer(200, body: huge)]) { store, _ in
            let failure = await failure {
                _ = try await store.list(prefix: "", startAfter: nil, continuationToken: nil, limit: 1)
            }
            guard case .unexpectedAnswer = failure else {
                return wrong("\(String(describing: failure))")
            }
        }
    }

    @Test("an upload whose completion is in doubt is not aborted; one that is refused is")
    func uploadInDoubt() async throws {
        let created = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        let part = ScriptedStore.Move.answer(200, headers: [("ETag", "\"e\"")])
        for (last, aborted) in [
            (ScriptedStore.Move.drop, false),
            (.answer(400, body: "<Error><Code>InvalidPart</Code></Error>"), true),
        ] {
            try await ScriptedStore.with([.answer(200, body: created), part, part, last, .answer(204)]) {
                store,
                server in
                do {
                    _ = try await store.upload("k", Pattern(count: 9_000_000)) { _ in }
                    Issue.record("stored")
                } catch let error as UploadFailure {
                    #expect(error.uploadID == "u")
                    #expect(error.wasAborted == aborted)
                }
                #expect(server.received.contains { $0.method == .DELETE } == aborted)
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
                let failure = await failure {
                    _ = try await store.list(prefix: "", startAfter: nil, continuationToken: nil, limit: 2)
                }
                guard case .unexpectedAnswer = failure else {
                    return wrong("\(String(describing: failure))")
                }
            }
        }
    }
}

/// Yields nothing until its task is cancelled.
private struct EndlessWait: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    struct Iterator: AsyncIteratorProtocol {
        func next() async throws -> ByteBuffer? {
            try await Task.sleep(for: .seconds(3600))
            return nil
        }
    }
    func makeAsyncIterator() -> Iterator { Iterator() }
}

private func httpDate(_ time: Timestamp) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return format.string(from: Date(timeIntervalSince1970: Double(time.secondsSinceEpoch)))
}
