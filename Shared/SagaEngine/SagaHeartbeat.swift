public import Determinism
public import PostgresClient

/// Keeps a claimed saga claimed while somebody drives it.
public struct SagaHeartbeat: Sendable {
    /// After this long without a sign of life another process may claim the saga.
    public let lease: Duration
    private let pool: PostgresPool
    private let time: any TimeSource

    public init(lease: Duration, pool: PostgresPool, time: any TimeSource) {
        self.lease = lease
        self.pool = pool
        self.time = time
    }

    /// Runs `body` while a sign of life goes to the database every third of the lease. When the saga turns
    /// out to be somebody else's, `body` is cancelled; its value is returned all the same.
    ///
    /// - Parameter renewal: renews more than the lease, each time; false means that it is lost, as a lost lease is.
    public func whileRenewing<Value: Sendable>(
        _ claim: SagaClaim,
        and renewal: @escaping @Sendable () async throws -> Bool = { true },
        _ body: @escaping @Sendable () async -> Value
    ) async -> Value {
        let work = Task(operation: body)
        let renewal = Task {
            if await isLost(claim, renewal) { work.cancel() }
        }
        defer { renewal.cancel() }
        return await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
    }

    /// Renews until the saga is somebody else's (true) or the task is cancelled (false).
    private func isLost(_ claim: SagaClaim, _ renewal: () async throws -> Bool) async -> Bool {
        while true {
            do { try await time.sleep(for: lease / 3) } catch { return false }
            let isOurs = try? await SagaStore.renew(
                claim,
                leaseMilliseconds: lease.wholeMilliseconds,
                on: pool
            )
            if isOurs == false { return true }
            if let isKept = try? await renewal(), !isKept { return true }
        }
    }
}
