import Determinism

/// Which part is sent next, how many at once, and when to stop: the decisions of a transfer, without its requests.
struct PartSchedule: Sendable {
    /// One try to send one part.
    struct Attempt: Equatable, Sendable {
        let number: Int
        /// Tries before this one.
        let earlierCount: Int
        /// To wait before sending.
        let pause: Duration
    }

    private(set) var window: SendWindow
    private var patience: Patience
    private var waiting: [Attempt]
    private(set) var runningCount = 0

    init(_ numbers: [Int], parallel: Int, patience: Duration) {
        window = SendWindow(limit: parallel)
        self.patience = Patience(limit: patience)
        waiting = numbers.reversed().map { Attempt(number: $0, earlierCount: 0, pause: .zero) }
    }

    /// Nil while enough are under way, or when nothing is left.
    mutating func next() -> Attempt? {
        guard runningCount < window.width, let attempt = waiting.popLast() else { return nil }
        runningCount += 1
        return attempt
    }

    mutating func succeeded() {
        runningCount -= 1
        window.succeeded()
        patience.succeeded()
    }

    /// - Parameter start: when the attempt was begun.
    /// - Returns: whether the part will be tried again; if not, the transfer is over.
    mutating func failed(
        _ attempt: Attempt,
        _ failure: ClientFailure,
        begun start: Duration,
        at uptime: Duration,
        _ random: any RandomSource
    ) -> Bool {
        runningCount -= 1
        if failure.isCongestion { window.congested(since: start, at: uptime) }
        let pause = patience.pause(
            after: failure,
            attemptCount: attempt.earlierCount,
            at: uptime,
            random
        )
        guard let pause else { return false }
        waiting.append(
            Attempt(number: attempt.number, earlierCount: attempt.earlierCount + 1, pause: pause)
        )
        return true
    }
}
