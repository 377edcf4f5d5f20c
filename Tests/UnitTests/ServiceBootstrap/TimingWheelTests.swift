import Determinism
import Synchronization
import Testing

@testable import ServiceBootstrap

@Suite("Sleepers of the timing wheel: never too early, never forgotten", .timeLimit(.minutes(1)))
struct TimingWheelTests {
    private let time = SystemTime()
    private let wheel = TimingWheel(SystemTime())

    private var sleeperCount: Int { wheel.state.withLock { $0.slots.values.reduce(0) { $0 + $1.count } } }

    /// How long past its end each sleep lasted; nil for one that was called away.
    private func lateness(_ milliseconds: [Int], cancelling: Set<Int> = []) async -> [Duration?] {
        let sleepers = milliseconds.map { length in
            Task { () -> Duration? in
                let end = time.uptime + .milliseconds(length)
                do { try await wheel.sleep(for: .milliseconds(length)) } catch { return nil }
                return time.uptime - end
            }
        }
        for index in cancelling { sleepers[index].cancel() }
        var results: [Duration?] = []
        for sleeper in sleepers { results.append(await sleeper.value) }
        return results
    }

    private func expectInTime(_ results: [Duration?]) throws {
        for late in results {
            let late = try #require(late)
            #expect(late >= .zero)
        }
    }

    /// Runs `body` beside somebody who sleeps for an hour, and whose timer is the first.
    private func besideALongSleep(_ body: () async throws -> Void) async throws {
        let long = Task { try await wheel.sleep(for: .seconds(3_600)) }
        while sleeperCount == 0 { await Task.yield() }
        try await body()
        #expect(sleeperCount == 1)
        long.cancel()
        await #expect(throws: CancellationError.self) { try await long.value }
        #expect(sleeperCount == 0)
    }

    @Test func nobodyWakesTooEarly() async throws {
        try expectInTime(await lateness((0..<400).map { ($0 * 7) % 300 }))
        #expect(sleeperCount == 0)
    }

    /// Nor must the long one's timer keep another from being set, once that of a shorter one has gone off.
    @Test func shorterSleepsDoNotWaitForALongerOne() async throws {
        try await besideALongSleep {
            for _ in 0..<3 {
                try expectInTime(await lateness([200, 100, 10, 150]))
            }
        }
        let timerCount = wheel.state.withLock { $0.timers.count }
        #expect(timerCount <= 4)
    }

    @Test func whoIsCalledAwayWakesAtOnceAndTheOthersInTime() async throws {
        let cancelled = Set((0..<2_000).filter { $0 % 3 != 0 })
        let lengths = (0..<2_000).map { cancelled.contains($0) ? 3_600_000 : 10 + $0 % 200 }
        let results = await lateness(lengths, cancelling: cancelled)
        try expectInTime(results.indices.filter { !cancelled.contains($0) }.map { results[$0] })
        #expect(results.filter { $0 == nil }.count == cancelled.count)
        #expect(sleeperCount == 0)
    }

    @Test func whoIsCancelledBeforeDoesNotSleep() async {
        let sleeper = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await wheel.sleep(for: .seconds(3_600))
        }
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        #expect(sleeperCount == 0)
    }

    @Test func theSystemsTimeTakesAnyDuration() async throws {
        let began = time.uptime
        try await time.sleep(for: .milliseconds(1_001))
        #expect(time.uptime - began >= .milliseconds(1_001))
        try await time.sleep(for: .seconds(-3_600))
        let sleeper = Task { try await time.sleep(for: .seconds(Int64.max)) }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }
}
