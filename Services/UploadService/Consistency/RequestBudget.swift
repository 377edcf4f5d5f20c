import Determinism

/// So many requests a second and no more, whoever asks: a check must not be felt by those who use the store.
actor RequestBudget {
    private let interval: Duration
    private let time: any TimeSource
    private var nextAt: Duration = .zero

    /// - Parameter requestsPerSecond: over zero.
    init(requestsPerSecond: Int, time: any TimeSource) {
        interval = .seconds(1) / max(1, requestsPerSecond)
        self.time = time
    }

    /// Returns when one more request may be sent.
    func take() async throws(CheckFailure) {
        let now = time.uptime
        let at = max(now, nextAt)
        nextAt = at + interval
        guard at > now else { return }
        do { try await time.sleep(for: at - now) } catch { throw .stopped }
    }
}
