import Synchronization
import Testing

@testable import WaybillCLI

@Suite("Parts are sent, several at once", .timeLimit(.minutes(1)))
struct PartTransferTests {
    /// What a server did with the parts it was sent.
    private final class Receiver: Sendable {
        struct State {
            var sent: [Int] = []
            var atOnce = 0
            var mostAtOnce = 0
            var failures: [Int: [ClientFailure]] = [:]
        }

        let state: Mutex<State>

        init(_ failures: [Int: [ClientFailure]] = [:]) { state = Mutex(State(failures: failures)) }

        func take(_ number: Int) async throws(ClientFailure) {
            state.withLock {
                $0.atOnce += 1
                $0.mostAtOnce = max($0.mostAtOnce, $0.atOnce)
            }
            for _ in 0..<5 { await Task.yield() }
            let failure = state.withLock { state -> ClientFailure? in
                state.atOnce -= 1
                state.sent.append(number)
                guard state.failures[number]?.isEmpty == false else { return nil }
                return state.failures[number]?.removeFirst()
            }
            if let failure { throw failure }
        }

        var sent: [Int] { state.withLock { $0.sent } }
    }

    private func transfer(_ receiver: Receiver, _ numbers: [Int], parallel: Int = 4)
        async throws(ClientFailure)
    {
        let transfer = PartTransfer(
            parallel: parallel,
            patience: .seconds(60),
            time: SleepersTime(),
            random: LargestJitter()
        ) { number throws(ClientFailure) in try await receiver.take(number) }
        try await transfer.run(numbers)
    }

    @Test func eachOnceAndNoMoreAtOnceThanAllowed() async throws {
        let receiver = Receiver()
        try await transfer(receiver, Array(1...50), parallel: 4)
        #expect(receiver.sent.sorted() == Array(1...50))
        #expect(receiver.state.withLock { $0.mostAtOnce } == 4)
        try await transfer(receiver, [])
        #expect(receiver.sent.count == 50)
    }

    @Test func whatFailsForNowIsSentAgain() async throws {
        let receiver = Receiver([3: [.lost("x"), PatienceTests.busy(2)], 7: [.unreachable("x")]])
        try await transfer(receiver, Array(1...9))
        #expect(receiver.sent.sorted() == [1, 2, 3, 3, 3, 4, 5, 6, 7, 7, 8, 9])
    }

    @Test func aRefusalEndsAllOfIt() async throws {
        let gone = ClientFailure.refused(Refusal(status: 404, code: "UPLOAD_NOT_FOUND", detail: "gone"))
        let receiver = Receiver([5: [gone]])
        await #expect(throws: gone) { try await transfer(receiver, Array(1...100), parallel: 2) }
        #expect(receiver.sent.count < 12)
    }

    @Test func aServerThatStaysAwayIsGivenUp() async throws {
        let away = ClientFailure.unreachable("x")
        let receiver = Receiver([1: Array(repeating: away, count: 1_000)])
        await #expect(throws: away) { try await transfer(receiver, [1]) }
        // 60 s of pauses up to 15 s.
        #expect((5...15).contains(receiver.sent.count))
    }

    @Test func anInterruptionStopsEverythingAtOnce() async throws {
        let receiver = Receiver()
        let work = Task { () -> ClientFailure? in
            do throws(ClientFailure) {
                try await transfer(receiver, Array(1...100_000), parallel: 8)
                return nil
            } catch { return error }
        }
        work.cancel()
        #expect(await work.value == .interrupted)
        #expect(receiver.sent.count < 100_000)
    }

    @Test func congestionNarrowsTheWindow() {
        var schedule = PartSchedule(Array(1...20), parallel: 8, patience: .seconds(60))
        var attempts: [PartSchedule.Attempt] = []
        while let attempt = schedule.next() { attempts.append(attempt) }
        #expect(attempts.map(\.number) == Array(1...8))
        for attempt in attempts {
            let goesOn = schedule.failed(
                attempt,
                PatienceTests.busy(),
                begun: .zero,
                at: .seconds(1),
                LargestJitter()
            )
            #expect(goesOn)
        }
        #expect(schedule.window.width == 4 && schedule.runningCount == 0)
        var again: [PartSchedule.Attempt] = []
        while let attempt = schedule.next() { again.append(attempt) }
        #expect(again.count == 4 && again.allSatisfy { $0.earlierCount == 1 && $0.pause > .zero })
    }
}
