import Determinism
import Testing

@testable import ServiceBootstrap

@Suite("Sleepers of the timing wheel: never too early, never forgotten")
struct TimingWheelTests {
    private let time = SystemTime()
    private var wheel: TimingWheel { TimingWheel(time) }

    /// How long past its end each sleep lasted; nil for one that was called away.
    private func lateness(_ wheel: TimingWheel, _ milliseconds: [Int], cancelling: Set<Int> = []) async
        -> [Duration?]
    {
        let time = self.time
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

    @Test func nobodyWakesTooEarly() async throws {
        let lengths = (0..<400).map { ($0 * 7) % 300 }
        let results = await lateness(wheel, lengths)
        for late in results { #expect(try #require(late) >= .zero) }
    }

    @Test func aShorterSleepDoesNotWaitForALongerOne() async throws {
        let wheel = self.wheel
        let long = Task { try await wheel.sleep(for: .seconds(3_600)) }
        let results = await lateness(wheel, [200, 100, 10, 150])
        for late in results { #expect(try #require(late) >= .zero) }
        long.cancel()
        await #expect(throws: CancellationError.self) { try await long.value }
    }

    @Test func whoIsCalledAwayWakesAtOnceAndTheOthersInTime() async throws {
        let cancelled = Set((0..<2_000).filter { $0 % 3 != 0 })
        let lengths = (0..<2_000).map { cancelled.contains($0) ? 3_600_000 : 10 + $0 % 200 }
        let results = await lateness(wheel, lengths, cancelling: cancelled)
        for (index, late) in results.enumerated() {
            if cancelled.contains(index) {
                #expect(late == nil)
            } else {
                #expect(try #require(late) >= .zero)
            }
        }
    }

    @Test func whoIsCancelledBeforeDoesNotSleep() async {
        let wheel = self.wheel
        let sleeper = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await wheel.sleep(for: .seconds(3_600))
        }
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }

    /// A timer for an hour from now must not keep one from being set for what comes after an earlier one has gone off.
    @Test func goesOnAfterItsFirstTimer() async throws {
        let wheel = self.wheel
        let long = Task { try await wheel.sleep(for: .seconds(3_600)) }
        for _ in 0..<3 {
            let results = await lateness(wheel, [60, 120])
            for late in results { #expect(try #require(late) >= .zero) }
        }
        long.cancel()
        await #expect(throws: CancellationError.self) { try await long.value }
    }

    @Test func theSystemsTimeSleepsInIt() async throws {
        let began = time.uptime
        try await time.sleep(for: .milliseconds(1_001))
        #expect(time.uptime - began >= .milliseconds(1_001))
        try await time.sleep(for: .seconds(-5))
        let sleeper = Task { [time] in try await time.sleep(for: .seconds(Int64.max)) }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }
}
