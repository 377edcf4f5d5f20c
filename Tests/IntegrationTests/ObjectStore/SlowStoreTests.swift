import NIOCore
import ObjectStore
import Testing

@Suite("A store that is slow or silent")
struct SlowStoreTests {
    @Test("a store that stops reading, or never answers, is given up")
    func stalls() async throws {
        try await ScriptedStore.with([.stopReading, .silence]) {
            $0.retries.attemptLimit = 1
            $0.timeouts.progress = .milliseconds(300)
            $0.timeouts.answer = .milliseconds(300)
        } _: { store, _ in
            let inBody = await storeFailure {
                _ = try await store.put("k", body: .stream(length: 40_000_000, Pattern(count: 40_000_000)))
            }
            guard case .unavailable = inBody else { return recordUnexpected("\(String(describing: inBody))") }
            let afterBody = await storeFailure { _ = try await store.put("k", body: ScriptedStore.oneByte) }
            guard case .outcomeUnknown = afterBody else {
                return recordUnexpected("\(String(describing: afterBody))")
            }
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
                let failure = await storeFailure { _ = try await store.get("k").body.all() }
                guard case .unavailable = failure else {
                    return recordUnexpected("\(String(describing: failure))")
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

    @Test("cancelling ends the call and its body")
    func cancellation() async throws {
        try await ScriptedStore.with([.silence]) {
            $0.timeouts.progress = .seconds(60)
            $0.timeouts.answer = .seconds(60)
        } _: { store, _ in
            let call = Task {
                await storeFailure { _ = try await store.put("k", body: .stream(length: 10, EndlessWait())) }
            }
            call.cancel()
            guard case .cancelled = await call.value else { return recordUnexpected("not cancelled") }
        }
    }
}
