import Determinism

/// Decides, without doing anything, what follows a failed attempt.
struct RetryPlan {
    enum Step {
        case again(after: Duration)
        case fail(StoreFailure)
    }

    let effect: S3Request.Effect
    let isReplayable: Bool
    let limits: S3Retries
    private var attemptCount = 0
    private var clockWasCorrected = false
    /// An earlier attempt may have been carried out, so a later refusal may be the echo of our own success.
    private var mayBeApplied = false

    init(effect: S3Request.Effect, isReplayable: Bool, limits: S3Retries) {
        self.effect = effect
        self.isReplayable = isReplayable
        self.limits = limits
    }

    /// - Parameter elapsed: since the first attempt began.
    mutating func step(after attempt: AttemptFailure, elapsed: Duration, random: some RandomSource) -> Step {
        attemptCount += 1
        let earlier = mayBeApplied
        if attempt.mayBeApplied, effect != .readOnly { mayBeApplied = true }
        if attempt.storeTime != nil, isReplayable, !clockWasCorrected {
            clockWasCorrected = true
            attemptCount -= 1
            return .again(after: .zero)
        }
        guard elapsed < limits.timeLimit, isWorthRepeating(attempt) else {
            return .fail(told(attempt, earlier: earlier))
        }
        let doubled = limits.base * (1 << min(attemptCount - 1, 20))
        let pause = random.jitter(upTo: min(limits.cap, doubled))
        return .again(after: max(pause, attempt.retryAfter ?? .zero))
    }

    private func isWorthRepeating(_ attempt: AttemptFailure) -> Bool {
        attempt.isTransient && isReplayable && attemptCount < limits.attemptLimit
            && (effect != .once || !attempt.mayBeApplied)
            && attempt.retryAfter ?? .zero <= limits.retryAfterLimit
    }

    private func told(_ attempt: AttemptFailure, earlier: Bool) -> StoreFailure {
        switch attempt.failure {
        case .outcomeUnknown(let reason) where effect == .readOnly:
            return .unavailable(reason: reason, retryAfter: attempt.retryAfter)
        case .preconditionFailed, .unavailable:
            return earlier
                ? .outcomeUnknown(reason: "an earlier attempt got no answer, then: \(attempt.failure)")
                : attempt.failure
        default: return attempt.failure
        }
    }
}
