import Determinism
import PostgresClient
import ServiceBootstrap
import ServiceLifecycle
import TestSupport
import Testing
import TransactionalOutbox

@testable import OutboxRelay

@Suite("I33 I34 one relay leads", .serialized, .timeLimit(.minutes(2)))
struct LeadershipTests {
    /// In one moment. A tick that began between the snapshot and the commit of `moveOn` would have rows that it left, and lack
    /// earlier ones that it moved, as no server's tick can: so it waits.
    private static func failOver(_ pool: PostgresPool) async throws {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            _ = try await tx.query(lockTick)
            try await tx.execute(moveOn)
        }
    }

    private static let lockTick: Statement = "SELECT 1 FROM outbox_tick FOR UPDATE"
    /// Rows of transactions to which the server has not come, and a relay that led in another one.
    private static let moveOn: Statement = """
        WITH behind AS (
            UPDATE outbox SET tx = (tx::text::bigint + 1000000000)::text::xid8
             WHERE tx < pg_snapshot_xmax(pg_current_snapshot()) RETURNING 1
        )
        UPDATE outbox_tick SET incarnation = '1/00000001' WHERE (SELECT count(*) FROM behind) >= 0
        """

    private func leaders(_ relays: [RunningRelay]) -> [Int] {
        relays.indices.filter { relays[$0].figures.isLeader }
    }

    @Test func aStoppedLeaderHandsOverAtOnce() async throws {
        try await RelayRig.with { rig in
            // A lease of a minute: a takeover by expiry would not come in time.
            let first = RunningRelay(rig.world, rig.cluster, leaseTTL: .seconds(60))
            try await eventually { first.figures.isLeader }
            let second = RunningRelay(rig.world, rig.cluster, leaseTTL: .seconds(4))
            async let writing: Void = rig.write(for: .seconds(3))
            try await rig.world.time.sleep(for: .seconds(1))
            #expect(leaders([first, second]) == [0])
            try await first.stop()
            let stoppedAt = rig.world.time.uptime
            try await eventually("the other leads") { second.figures.isLeader }
            #expect(rig.world.time.uptime - stoppedAt < .seconds(2))
            try await writing
            let findings = try await rig.arrivals()
            try await second.stop()
            // What was under way was drained, so nothing is sent twice.
            #expect(findings.isClean && findings.repeats == 0, "\(findings)")
        }
    }

    @Test func aVanishedLeaderIsFollowedWhenItsLeaseIsOver() async throws {
        try await RelayRig.with { rig in
            var relays = [RunningRelay(rig.world, rig.cluster, leaseTTL: .seconds(1))]
            async let writing: Void = rig.write(for: .seconds(5))
            for _ in 0..<3 {
                let leader = relays[relays.count - 1]
                try await eventually("a leader") { leader.figures.isLeader }
                relays.append(RunningRelay(rig.world, rig.cluster, leaseTTL: .seconds(1)))
                try await rig.world.time.sleep(for: .milliseconds(400))
                await leader.vanish()
            }
            try await writing
            let findings = try await rig.arrivals()
            findings.report("relay, 3 leaders vanished")
            try await relays[3].stop()
            #expect(findings.isClean && rig.topic.differences == 0, "\(findings)")
        }
    }

    private func epoch(_ rig: RelayRig) async throws -> Int64 {
        try await rig.world.pool.query("SELECT epoch FROM outbox_tick").first?.int64(0) ?? 0
    }

    /// The relay sees no error, and is fenced all the same.
    @Test func aServerThatTakesTheOthersPlaceLosesNothing() async throws {
        try await RelayRig.with { rig in
            let relay = RunningRelay(rig.world, rig.cluster, limits: PageLimits(rowCount: 20))
            async let writing: Void = rig.write(for: .seconds(4))
            for round in 1...3 {
                try await eventually("rows are on the topic") { rig.topic.log.count > 100 * round }
                let before = try await epoch(rig)
                try await Self.failOver(rig.world.pool)
                try await eventually("it leads anew") { try await epoch(rig) > before }
            }
            try await writing
            let findings = try await rig.arrivals()
            findings.report("relay, 3 servers took another's place")
            try await relay.stop()
            #expect(findings.isClean && rig.topic.differences == 0, "\(findings)")
        }
    }

    @Test func aStopDoesNotWaitForABrokerThatIsAway() async throws {
        try await RelayRig.with { rig in
            rig.cluster.takeDown()
            let relay = RunningRelay(rig.world, rig.cluster)
            try await rig.world.change("a")
            try await eventually { relay.figures.isLeader }
            try await rig.world.time.sleep(for: .milliseconds(300))
            let before = rig.world.time.uptime
            try await relay.stop()
            #expect(rig.world.time.uptime - before < .seconds(9))
        }
    }
}

@Suite("The doorbell", .serialized, .timeLimit(.minutes(1)))
struct DoorbellTests {
    private let sampleCount = 11

    /// Commit to acknowledgement in milliseconds, ascending, the relay having been idle for half a second each time.
    private func latencies(
        _ rig: RelayRig,
        pollInterval: Duration,
        ring: @escaping @Sendable () -> Void
    ) async throws -> [Double] {
        let relay = RunningRelay(rig.world, rig.cluster, leaseTTL: .seconds(20), pollInterval: pollInterval)
        var latencies: [Double] = []
        for number in 0..<sampleCount {
            try await rig.world.time.sleep(for: .milliseconds(500 + number * 7))
            try await rig.world.change("k")
            let committedAt = rig.world.time.uptime
            ring()
            while relay.figures.snapshot.publishedCount <= number {
                try await rig.world.time.sleep(for: .microseconds(200))
            }
            latencies.append((rig.world.time.uptime - committedAt).inSeconds * 1_000)
        }
        try await relay.stop()
        return latencies.sorted()
    }

    /// The pause of an idle relay doubles, so after half a second without a ring it would sleep as long again.
    @Test func aRingWakesTheRelayLongBeforeItsPoll() async throws {
        try await RelayRig.with { rig in
            let doorbell = Doorbell(pool: rig.world.pool, time: rig.world.time)
            let group = ServiceGroup(services: [doorbell], logger: quietLogger)
            let ringing = Task { try await group.run() }
            let rung = try await latencies(rig, pollInterval: .seconds(30)) { doorbell.ring() }
            await group.triggerGracefulShutdown()
            try await ringing.value
            print("doorbell | commit to ack, ms | median \(rung[5]), max \(rung[10])")
            #expect(rung[5] < 250, "\(rung)")
        }
    }

    @Test func aLostRingCostsOnePollInterval() async throws {
        try await RelayRig.with { rig in
            let polled = try await latencies(rig, pollInterval: .milliseconds(100)) {}
            print("poll | commit to ack, ms | median \(polled[5]), max \(polled[10])")
            #expect(polled[5] < 400, "\(polled)")
        }
    }
}
