import ServiceBootstrap
import TestSupport
import Testing

/// A service sets a limit to each request of seconds, and takes it back a moment later.
@Suite("What sleepers leave behind who are called away")
struct SleeperMemoryTests {
    private static let count = 20_000

    private func growth(_ sleep: @escaping @Sendable () async throws -> Void) async -> Int {
        let before = residentKiB()
        for _ in 0..<Self.count {
            let sleeper = Task { try await sleep() }
            await Task.yield()
            sleeper.cancel()
            _ = await sleeper.result
        }
        return residentKiB() - before
    }

    @Test func isNothingWhereTheLibrarysSleepKeepsItsTimers() async {
        let time = SystemTime()
        let ours = await growth { try await time.sleep(for: .seconds(20)) }
        let librarys = await growth { try await ContinuousClock().sleep(for: .seconds(20)) }
        print("grew by: \(ours) KiB, the library's sleep: \(librarys) KiB")
        #expect(ours < 4_096)
        #expect(librarys > 8_192)
    }
}
