import Testing

@testable import WaybillCLI

@Suite("The client's patience")
struct PatienceTests {
    static func busy(_ seconds: Int? = nil) -> ClientFailure {
        .refused(
            Refusal(status: 503, code: "SERVER_BUSY", detail: "", retryAfter: seconds.map { .seconds($0) })
        )
    }

    @Test func pausesDoubleUpToALimit() {
        var patience = Patience(limit: .seconds(1_000))
        var pauses: [Duration] = []
        for count in 0..<9 {
            let pause = patience.pause(
                after: .lost("x"),
                attemptCount: count,
                at: .zero,
                LargestJitter()
            )
            pauses.append(pause ?? .zero)
        }
        #expect(pauses[0] < .milliseconds(251) && pauses[1] > .milliseconds(490))
        #expect(pauses == pauses.sorted() && pauses[8] <= .seconds(15) && pauses[7] > .milliseconds(14_900))
    }

    @Test func waitsAsLongAsTheServerAsks() {
        var patience = Patience(limit: .seconds(60))
        #expect(
            patience.pause(after: Self.busy(7), attemptCount: 0, at: .zero, LargestJitter()) == .seconds(7)
        )
        #expect(patience.pause(after: Self.busy(61), attemptCount: 0, at: .zero, LargestJitter()) == nil)
    }

    @Test func whatWillNotPassIsNotWaitedFor() {
        let refused = [400, 401, 403, 404, 409, 413, 422].map {
            ClientFailure.refused(Refusal(status: $0, detail: ""))
        }
        for failure in refused + [.local("x"), .unusable("x"), .interrupted, .inUse("x")] {
            var patience = Patience(limit: .seconds(60))
            #expect(patience.pause(after: failure, attemptCount: 0, at: .zero, LargestJitter()) == nil)
        }
        var patience = Patience(limit: .seconds(60))
        let sending = Refusal(status: 409, code: "PART_IN_PROGRESS", detail: "", isRetryable: true)
        #expect(patience.pause(after: .refused(sending), attemptCount: 0, at: .zero, LargestJitter()) != nil)
    }

    @Test func endsWhenNothingSucceededForTooLong() {
        var patience = Patience(limit: .seconds(30))
        func pause(at seconds: Int) -> Duration? {
            patience.pause(after: .unreachable("x"), attemptCount: 0, at: .seconds(seconds), LargestJitter())
        }
        // Two that took forever are no verdict yet; the third is.
        #expect(pause(at: 100) != nil && pause(at: 200) != nil)
        #expect(pause(at: 300) == nil)
        patience.succeeded()
        #expect(pause(at: 301) != nil && pause(at: 310) != nil && pause(at: 320) != nil)
        #expect(pause(at: 332) == nil)
    }

    @Test func exitCodesSayWhetherToTryAgain() {
        #expect(ClientFailure.unreachable("x").exitCode == .unavailable)
        #expect(ClientFailure.lost("x").exitCode == .notYet)
        #expect(ClientFailure.interrupted.exitCode == .notYet)
        #expect(Self.busy().exitCode == .notYet)
        #expect(ClientFailure.refused(Refusal(status: 401, detail: "")).exitCode == .refused)
        #expect(ClientFailure.local("x").exitCode == .refused)
    }
}
