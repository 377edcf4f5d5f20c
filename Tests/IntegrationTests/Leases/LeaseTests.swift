import Determinism
import Leases
import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import Testing

/// A holder's monotonic clock that a test sets. The database goes by its own.
private final class HandClock: TimeSource {
    private let elapsed = Mutex(Duration.zero)
    var now: Timestamp { SystemTime().now }
    var uptime: Duration { elapsed.withLock { $0 } }
    func advance(by duration: Duration) { elapsed.withLock { $0 += duration } }

    func sleep(for duration: Duration) async throws(CancellationError) {
        let until = uptime + duration
        while uptime < until { try await SystemTime().sleep(for: .milliseconds(1)) }
    }
}

@Suite("I34 one holder at a time, by the database's clock", .timeLimit(.minutes(1)))
struct LeaseTests {
    private static let expire: Statement = "UPDATE leases SET expires = clock_timestamp() - interval '1 ms'"
    private static let remainder: Statement = """
        SELECT extract(epoch FROM expires - clock_timestamp()) * 1000 BETWEEN 0 AND $1::bigint FROM leases
        """
    private static let remove: Statement = "DELETE FROM leases"
    private static let effect: Statement = "INSERT INTO effects (epoch) VALUES ($1)"

    private func withLeases<Value: Sendable>(_ body: (PostgresPool) async throws -> Value) async throws
        -> Value
    {
        try await TestDatabase.withSchema { pool in
            let effects =
                "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, epoch bigint NOT NULL);"
            let schema = Migration(number: 1, name: "leases", sql: LeaseStore.schema + effects)
            try await Migrator.migrate([schema], on: pool)
            return try await body(pool)
        }
    }

    private func keeper(
        _ pool: PostgresPool,
        ttl: Duration = .seconds(60),
        time: any TimeSource = SystemTime()
    ) -> LeaseKeeper {
        LeaseKeeper("work", ttl: ttl, pool: pool, time: time, random: SystemRandom())
    }

    @Test func onlyAnExpiredLeaseIsTakenOver() async throws {
        try await withLeases { pool in
            let (first, second) = (keeper(pool), keeper(pool))
            let held = try #require(try await first.acquireOrRenew())
            #expect(try await second.acquireOrRenew() == nil)
            #expect(try await first.acquireOrRenew()?.epoch == held.epoch)
            #expect(try await pool.query(Self.remainder, Int64(60_000)).first?.bool(0) == true)
            try await pool.execute(Self.expire)
            let taken = try #require(try await second.acquireOrRenew())
            #expect(taken.epoch == held.epoch + 1 && taken.owner != held.owner)
            #expect(try await first.acquireOrRenew() == nil)
            #expect(await first.current == nil)
        }
    }

    @Test func anExpiredLeaseMayBeRenewedWhileNobodyTookIt() async throws {
        try await withLeases { pool in
            let keeper = keeper(pool)
            let held = try #require(try await keeper.acquireOrRenew())
            try await pool.execute(Self.expire)
            #expect(try await keeper.acquireOrRenew()?.epoch == held.epoch)
        }
    }

    @Test func aReleasedLeaseIsTakenAtOnceAndByAnotherEpoch() async throws {
        try await withLeases { pool in
            let (first, second) = (keeper(pool), keeper(pool))
            let held = try #require(try await first.acquireOrRenew())
            try await first.release()
            try await first.release()
            #expect(await first.current == nil)
            #expect(try await second.acquireOrRenew()?.epoch == held.epoch + 1)
            // Who was overtaken releases nothing.
            try await first.release()
            #expect(try await second.acquireOrRenew() != nil)
        }
    }

    @Test func aRestartedProcessIsNotItsPredecessor() async throws {
        try await withLeases { pool in
            let before = try #require(try await keeper(pool).acquireOrRenew())
            let successor = keeper(pool)
            #expect(try await successor.acquireOrRenew() == nil)
            try await pool.execute(Self.expire)
            #expect(try await successor.acquireOrRenew()?.epoch == before.epoch + 1)
        }
    }

    @Test func aRemovedRowComesBackWithAHigherEpoch() async throws {
        try await withLeases { pool in
            let held = try #require(try await keeper(pool).acquireOrRenew())
            try await pool.execute(Self.expire)
            let second = try #require(try await keeper(pool).acquireOrRenew())
            try await pool.execute(Self.remove)
            try await SystemTime().sleep(for: .seconds(2))
            let third = try #require(try await keeper(pool).acquireOrRenew())
            #expect(held.epoch < second.epoch && second.epoch < third.epoch)
        }
    }

    /// The holder counts from before it asked, and trusts half of the time only.
    @Test func aHolderStopsAtHalfTheTimeToLive() async throws {
        try await withLeases { pool in
            let clock = HandClock()
            let keeper = keeper(pool, ttl: .seconds(40), time: clock)
            let first = try await keeper.acquireOrRenew()
            #expect(first?.heldUntil == .seconds(20))
            clock.advance(by: .milliseconds(19_999))
            #expect(await keeper.current != nil)
            clock.advance(by: .milliseconds(1))
            #expect(await keeper.current == nil)
            let renewed = try await keeper.acquireOrRenew()
            #expect(renewed?.heldUntil == .seconds(40))
        }
    }

    @Test func keepingEndsWhenTheDatabaseDoesNotAnswer() async throws {
        try await withLeases { pool in
            var settings = pool.settings
            settings.connectionLimit = 1
            settings.leaseWaitLimit = .seconds(30)
            let own = TestDatabase.makePool(settings)
            let keeper = keeper(own, ttl: .seconds(2))
            #expect(try await keeper.acquireOrRenew() != nil)
            let busy = Task { try await own.query("SELECT pg_sleep(4)") }
            try await eventually { own.statistics.leases == 1 }
            let start = SystemTime().uptime
            await keeper.keep()
            #expect(SystemTime().uptime - start < .milliseconds(1_800))
            #expect(await keeper.current == nil)
            _ = try await busy.value
            await own.close()
        }
    }

    @Test func keepingEndsWhenAnotherTakesOver() async throws {
        try await withLeases { pool in
            let (first, second) = (keeper(pool, ttl: .seconds(2)), keeper(pool))
            #expect(try await first.acquireOrRenew() != nil)
            let keeping = Task { await first.keep() }
            try await eventually {
                try await pool.execute(Self.expire)
                return try await second.acquireOrRenew() != nil
            }
            await keeping.value
            #expect(await first.current == nil)
        }
    }

    /// Holders that stall longer than their lease lasts, and write all the same: nothing of theirs counts.
    @Test("I33 what a former holder writes does not commit") func contention() async throws {
        try await withLeases { pool in
            let deadline = SystemTime().uptime + .seconds(3)
            let (refused, written) = (Counter(), Counter())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let keeper = keeper(pool, ttl: .milliseconds(60))
                        while SystemTime().uptime < deadline {
                            guard let lease = try await keeper.acquireOrRenew() else {
                                try await SystemTime().sleep(for: .milliseconds(5))
                                continue
                            }
                            // Sometimes far beyond the lease.
                            let stall = SystemRandom().uniform(below: 120)
                            try await SystemTime().sleep(for: .milliseconds(Int64(stall)))
                            let isWritten = try await write(under: lease, on: pool)
                            (isWritten ? written : refused).add()
                        }
                    }
                }
                try await group.waitForAll()
            }
            let epochs = try await pool.query("SELECT epoch FROM effects ORDER BY id").map { try $0.int64(0) }
            #expect(epochs == epochs.sorted() && Set(epochs).count > 5)
            #expect(epochs.count == written.count && refused.count > 0)
        }
    }

    private func write(under lease: Lease, on pool: PostgresPool) async throws -> Bool {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
            guard try await LeaseStore.isCurrent(lease, in: tx) else { return false }
            try await tx.execute(Self.effect, lease.epoch)
            return true
        }
    }
}
