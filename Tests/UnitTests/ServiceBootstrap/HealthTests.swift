import Determinism
import Logging
import ServiceBootstrap
import Synchronization
import Testing

@Suite("I52 readiness follows what a program needs, liveness does not")
struct HealthTests {
    struct Down: Error {}

    @Test func isReadyOnlyWhenStartedAndEveryRequiredCheckIsFine() async throws {
        let health = HealthRegistry(
            time: SystemTime(),
            logger: Logger(label: "test"),
            interval: .milliseconds(5)
        )
        let isDown = Mutex(true)
        health.add("database") { if isDown.withLock({ $0 }) { throw Down() } }
        health.add("search", required: false) { throw Down() }
        #expect(!health.isReady && health.results.map(\.status) == [.pending, .pending])

        let running = Task { try await health.run() }
        await until { health.results.allSatisfy { $0.status == .failing } }
        health.markStarted()
        #expect(health.isStarted && !health.isReady)
        #expect(health.results.first?.reason == "Down()")

        isDown.withLock { $0 = false }
        await until { health.isReady }
        #expect(health.results.map(\.status) == [.ok, .failing])

        isDown.withLock { $0 = true }
        await until { !health.isReady }
        running.cancel()
        _ = await running.result
    }

    private func until(_ condition: () -> Bool) async {
        for _ in 0..<2_000 where !condition() { try? await SystemTime().sleep(for: .milliseconds(5)) }
    }
}

@Suite("Log text stays on its line")
struct JSONTextTests {
    @Test(arguments: [
        ("plain é 😀", "\"plain é 😀\""), ("a\"b\\c", #""a\"b\\c""#), ("x\r\n\ty", #""x\r\n\ty""#),
        ("\u{0}\u{1B}[31m\u{7F}", #""\u0000\u001b[31m\u007f""#), ("\u{202E}gpj", #""\u202egpj""#),
        ("\u{2028}", #""\u2028""#), ("", "\"\""),
    ])
    func escapes(_ text: String, _ expected: String) {
        var line: [UInt8] = []
        JSONText.append(text, to: &line)
        #expect(String(decoding: line, as: UTF8.self) == expected)
    }
}
