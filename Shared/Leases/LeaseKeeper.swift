public import Determinism
public import PostgresClient

/// Takes one lease, renews it, and gives it up.
///
/// The holder trusts a lease for half of its time to live only: the other half covers a clock that
/// runs slow and an answer that took long.
public actor LeaseKeeper {
    /// How long the database keeps the lease after the last renewal.
    public nonisolated let ttl: Duration
    private let name: String
    private let owner: String
    private let pool: PostgresPool
    private let time: any TimeSource
    private var held: Lease?

    /// - Parameter ttl: how long the database keeps the lease after the last renewal.
    public init(
        _ name: String,
        ttl: Duration,
        pool: PostgresPool,
        time: any TimeSource,
        random: any RandomSource
    ) {
        self.name = name
        self.ttl = ttl
        self.pool = pool
        self.time = time
        owner = String(random.nextUInt64(), radix: 36) + String(random.nextUInt64(), radix: 36)
    }

    /// The lease, if it may still be relied on at this moment.
    public var current: Lease? {
        guard let held, time.uptime < held.heldUntil else { return nil }
        return held
    }

    /// Takes or renews the lease. For one caller at a time; call it at least every quarter of the time to live.
    ///
    /// - Returns: the lease, or nil when another process holds it.
    /// - Throws: when the database did not answer; a lease held before stays valid until `heldUntil`.
    public func acquireOrRenew() async throws(DatabaseError) -> Lease? {
        let sentAt = time.uptime
        let epoch = try await LeaseStore.acquire(
            name,
            owner: owner,
            epoch: held?.epoch ?? 0,
            ttlMilliseconds: ttl.wholeMilliseconds,
            on: pool
        )
        held = epoch.map { Lease(name: name, owner: owner, epoch: $0, heldUntil: sentAt + ttl / 2) }
        return current
    }

    /// Renews every eighth of the time to live. Returns as soon as the lease may no longer be relied on, also when the
    /// database does not answer at all, or when the task is cancelled.
    public nonisolated func keep() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.renewUntilLost() }
            group.addTask { await self.untilOverdue() }
            await group.next()
            group.cancelAll()
        }
    }

    private func renewUntilLost() async {
        while !Task.isCancelled {
            do { try await time.sleep(for: ttl / 8) } catch { return }
            do throws(DatabaseError) {
                if try await acquireOrRenew() == nil { return }
            } catch {
                // Not known to be lost: it is tried again until it is overdue.
            }
        }
    }

    private func untilOverdue() async {
        while let lease = current {
            do { try await time.sleep(for: lease.heldUntil - time.uptime) } catch { return }
        }
    }

    /// Lets the next holder start at once. Harmless when the lease was lost already.
    public func release() async throws(DatabaseError) {
        guard let lease = held else { return }
        held = nil
        try await LeaseStore.release(lease, on: pool)
    }
}
