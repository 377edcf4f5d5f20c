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

    /// A driver that the database has not heard for this long stops by its own clock, so that a process that is cut off
    /// from the database alone does not go on writing for ever. Longer than the lease: an outage of some minutes costs
    /// no transfer (`SagaWorker` leaves those who were cut off the time to be heard again). Shorter than the time after
    /// which what late writes left is looked for.
    public func makeSignOfLife() -> SignOfLife { SignOfLife(limit: lease * 10, time: time) }

    /// Runs `body` while a sign of life goes to the database every third of the lease. When the saga turns
    /// out to be somebody else's, `body` is cancelled; its value is returned all the same.
    ///
    /// - Parameters:
    ///   - signOfLife: tells meanwhile whether the driver still counts as one; a new one when not given.
    ///   - renewal: renews more than the lease, each time; false means that it is lost, as a lost lease is.
    public func whileRenewing<Value: Sendable>(
        _ claim: SagaClaim,
        _ signOfLife: SignOfLife? = nil,
        and renewal: @escaping @Sendable () async throws -> Bool = { true },
        _ body: @escaping @Sendable () async -> Value
    ) async -> Value {
        let (pool, lease) = (self.pool, self.lease.wholeMilliseconds)
        let signOfLife = signOfLife ?? makeSignOfLife()
        return await whileRenewing(signOfLife) {
            guard try await SagaStore.renew(claim, leaseMilliseconds: lease, on: pool) else { return false }
            signOfLife.renew()
            return try await renewal()
        } _: {
            await body()
        }
    }

    /// The same for what is held by a lease of another kind.
    ///
    /// - Parameter renew: false when the lease is lost; a thrown error leaves that open.
    public func whileRenewing<Value: Sendable>(
        _ signOfLife: SignOfLife,
        _ renew: @escaping @Sendable () async throws -> Bool,
        _ body: @escaping @Sendable () async -> Value
    ) async -> Value {
        let work = Task(operation: body)
        let renewal = Task {
            if await isLost(signOfLife, renew) { work.cancel() }
        }
        defer { renewal.cancel() }
        return await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
    }

    /// Renews until the lease is somebody else's or nothing was heard for too long (true), or the task is cancelled (false).
    private func isLost(_ signOfLife: SignOfLife, _ renew: () async throws -> Bool) async -> Bool {
        while !signOfLife.isLost {
            do { try await time.sleep(for: lease / 3) } catch { return false }
            guard let isOurs = try? await renew() else { continue }
            guard isOurs else { return true }
            signOfLife.renew()
        }
        return true
    }
}
