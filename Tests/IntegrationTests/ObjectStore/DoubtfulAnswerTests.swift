import NIOHTTP1
import ObjectStore
import Testing

@Suite("A store whose answer is lost, early or not what it seems")
struct DoubtfulAnswerTests {
    @Test("a lost answer to a write is an unknown outcome")
    func lostAnswer() async throws {
        try await ScriptedStore.with([.drop, .drop, .drop, .drop, .drop]) { store, server in
            let streamed = await storeFailure {
                _ = try await store.put("k", body: .stream(length: 300_000, Pattern(count: 300_000)))
            }
            guard case .outcomeUnknown = streamed else {
                return recordUnexpected("\(String(describing: streamed))")
            }
            #expect(server.received.count == 1)
            let replayed = await storeFailure { _ = try await store.put("k", body: ScriptedStore.oneByte) }
            guard case .outcomeUnknown = replayed else {
                return recordUnexpected("\(String(describing: replayed))")
            }
            #expect(server.received.count == 5)
        }
    }

    @Test("creating and completing an upload is sent once when its answer is lost")
    func lostMultipart() async throws {
        try await ScriptedStore.with([.drop, .drop]) { store, server in
            let created = await storeFailure {
                _ = try await store.createMultipartUpload("k", contentType: nil, metadata: [:])
            }
            guard case .outcomeUnknown = created else {
                return recordUnexpected("\(String(describing: created))")
            }
            let completed = await storeFailure {
                _ = try await store.completeMultipartUpload(
                    "k",
                    uploadID: "u",
                    parts: ScriptedStore.parts,
                    ifNoneMatchAny: false
                )
            }
            guard case .outcomeUnknown = completed else {
                return recordUnexpected("\(String(describing: completed))")
            }
            #expect(server.received.count == 2)
        }
    }

    @Test("200 with an error inside is not a success", arguments: ["", "  \n"])
    func errorInside200(space: String) async throws {
        let tooSmall = "\(space)<Error><Code>EntityTooSmall</Code></Error>"
        try await ScriptedStore.with([
            .answer(200, body: space + ScriptedStore.internalError), .answer(200, body: tooSmall),
            .answer(200, body: space),
        ]) { store, _ in
            var seen: [StoreFailure?] = []
            for _ in 0..<3 {
                seen.append(
                    await storeFailure {
                        _ = try await store.completeMultipartUpload(
                            "k",
                            uploadID: "u",
                            parts: ScriptedStore.parts,
                            ifNoneMatchAny: false
                        )
                    }
                )
            }
            guard case .outcomeUnknown = seen[0], case .refused(_, "EntityTooSmall", _) = seen[1],
                case .outcomeUnknown = seen[2]
            else { return recordUnexpected("\(seen)") }
        }
    }

    @Test("a copy and a batch delete that fail inside 200 are sent again")
    func retriedErrorInside200() async throws {
        try await ScriptedStore.with([
            .answer(200, body: ScriptedStore.internalError),
            .answer(200, body: "<CopyObjectResult><ETag>&quot;c&quot;</ETag></CopyObjectResult>"),
            .answer(200, body: ScriptedStore.slowDown),
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
            else { return recordUnexpected("\(results)") }
        }
    }

    @Test("an answer that comes before the body went is believed, and the body is left alone")
    func earlyAnswer() async throws {
        let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        try await ScriptedStore.with([.answerAtHead(403, body: denied)]) { store, _ in
            let failure = await storeFailure {
                _ = try await store.put("k", body: .stream(length: 1_000_000, EndlessWait()))
            }
            guard case .refused(403, "AccessDenied", _) = failure else {
                return recordUnexpected("\(String(describing: failure))")
            }
        }
    }

    @Test("a success that comes before the body went is not believed")
    func earlySuccess() async throws {
        try await ScriptedStore.with([.answerAtHead(200, headers: [("ETag", "\"e\"")])]) { store, _ in
            let failure = await storeFailure {
                _ = try await store.put("k", body: .stream(length: 1_000_000, EndlessWait()))
            }
            guard case .outcomeUnknown = failure else {
                return recordUnexpected("\(String(describing: failure))")
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
                } catch let error as StreamUploadFailure {
                    #expect(error.uploadID == "u")
                    #expect(error.wasAborted == aborted)
                }
                #expect(server.received.contains { $0.method == .DELETE } == aborted)
            }
        }
    }
}
