import Determinism
import Testing

@testable import ObjectStore

private struct LargestRandom: RandomSource {
    func nextUInt64() -> UInt64 { .max }
}

@Suite("Retries")
struct RetryPlanTests {
    private let busy = AttemptFailure(
        failure: .unavailable(reason: "busy", retryAfter: nil),
        isTransient: true
    )

    private func plan(_ effect: S3Request.Effect, replayable: Bool = true) -> RetryPlan {
        RetryPlan(effect: effect, isReplayable: replayable, limits: S3Retries())
    }

    private func pause(_ step: RetryPlan.Step) -> Duration? {
        if case .again(let pause) = step { pause } else { nil }
    }

    private func failure(_ step: RetryPlan.Step) -> StoreFailure? {
        if case .fail(let failure) = step { failure } else { nil }
    }

    @Test("pauses double under full jitter, and the attempts end")
    func backoff() {
        var plan = plan(.idempotent)
        let pauses = (1...3).compactMap { _ in
            pause(plan.step(after: busy, elapsed: .zero, random: LargestRandom()))
        }
        #expect(pauses.count == 3)
        for (pause, limit) in zip(pauses, [100, 200, 400]) {
            #expect(pause <= .milliseconds(limit) && pause > .milliseconds(limit - 1))
        }
        guard case .unavailable = failure(plan.step(after: busy, elapsed: .zero, random: LargestRandom()))
        else {
            Issue.record("a fifth attempt")
            return
        }
    }

    @Test("Retry-After is honoured up to the limit, beyond it the caller is told")
    func retryAfter() {
        var asked = busy
        asked.retryAfter = .seconds(3)
        var first = plan(.readOnly)
        #expect(pause(first.step(after: asked, elapsed: .zero, random: LargestRandom())) == .seconds(3))
        asked.retryAfter = .seconds(60)
        var second = plan(.readOnly)
        #expect(pause(second.step(after: asked, elapsed: .zero, random: LargestRandom())) == nil)
    }

    @Test("a call that has lasted too long is not tried again")
    func timeLimit() {
        var plan = plan(.readOnly)
        #expect(pause(plan.step(after: busy, elapsed: .seconds(19), random: LargestRandom())) != nil)
        guard
            case .unavailable = failure(
                plan.step(after: busy, elapsed: .seconds(20), random: LargestRandom())
            )
        else {
            Issue.record("another attempt")
            return
        }
    }

    @Test("a stream is never sent again")
    func stream() {
        var plan = plan(.idempotent, replayable: false)
        #expect(pause(plan.step(after: busy, elapsed: .zero, random: LargestRandom())) == nil)
    }

    @Test("what may have been applied once is not sent twice, and says so")
    func once() {
        var plan = plan(.once)
        guard
            case .outcomeUnknown = failure(
                plan.step(after: .lost("reset"), elapsed: .zero, random: LargestRandom())
            )
        else {
            Issue.record("sent twice")
            return
        }
    }

    @Test("a refused condition after a lost answer may be the echo of our own success")
    func echo() {
        var plan = plan(.idempotent)
        #expect(pause(plan.step(after: .lost("reset"), elapsed: .zero, random: LargestRandom())) != nil)
        let refused = AttemptFailure(failure: .preconditionFailed)
        guard
            case .outcomeUnknown = failure(plan.step(after: refused, elapsed: .zero, random: LargestRandom()))
        else {
            Issue.record("told as a definite refusal")
            return
        }
    }

    @Test("a lost answer to a read is plain unavailability")
    func read() {
        var plan = plan(.readOnly, replayable: false)
        guard
            case .unavailable = failure(
                plan.step(after: .lost("reset"), elapsed: .zero, random: LargestRandom())
            )
        else {
            Issue.record("a read has no outcome")
            return
        }
    }

    @Test("I59 the clock is corrected once and costs no attempt")
    func clock() {
        var skewed = AttemptFailure(failure: .unavailable(reason: "clock", retryAfter: nil))
        skewed.storeTime = Timestamp(secondsSinceEpoch: 1)
        var plan = plan(.once)
        #expect(pause(plan.step(after: skewed, elapsed: .zero, random: LargestRandom())) == .zero)
        #expect(pause(plan.step(after: skewed, elapsed: .zero, random: LargestRandom())) == nil)
    }
}
