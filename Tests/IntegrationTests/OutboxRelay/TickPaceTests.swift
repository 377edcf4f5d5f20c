import FaultPoints
import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import Testing

@testable import OutboxRelay

/// Notes when ticks begin.
private final class TickClock: Faults {
    private let time = SystemTime()
    private let begins = Mutex<[Duration]>([])

    func reach(_ point: FaultPoint) throws(InjectedCrash) {
        guard point == .afterTickPersisted else { return }
        begins.withLock { $0.append(time.uptime) }
    }

    var pauses: [Duration] {
        begins.withLock { begins in zip(begins, begins.dropFirst()).map { $1 - $0 } }
    }
}

@Suite("The relay leaves a busy database to its writers", .timeLimit(.minutes(1)))
struct TickPaceTests {
    private static let append: Statement = """
        INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
        SELECT slot, gen_random_uuid()::text, 't', 'k' || number, 1, '{}', ''
          FROM outbox_writer, generate_series(1, $1::bigint) number
        """

    /// Between the beginnings of ticks, while somebody commits `rowCount` rows after `rowCount` rows.
    private func pauses(whileRowsComeBy rowCount: Int, ticks tickCount: Int) async throws -> [Duration] {
        try await RelayRig.with { rig in
            let clock = TickClock()
            let relay = RunningRelay(rig.world, rig.cluster, faults: clock)
            try await eventually { relay.figures.isLeader }
            let isEnough = Mutex(false)
            async let writing: Void = {
                while !isEnough.withLock({ $0 }) { try await rig.world.pool.execute(Self.append, rowCount) }
            }()
            try await eventually(within: .seconds(30), "ticks") { clock.pauses.count >= tickCount }
            isEnough.withLock { $0 = true }
            try await writing
            try await relay.stop()
            return clock.pauses
        }
    }

    @Test func ticksOfManyRowsAreSpaced() async throws {
        let pauses = try await pauses(whileRowsComeBy: 64, ticks: 30)
        #expect(pauses.allSatisfy { $0 >= .milliseconds(20) }, "\(pauses)")
    }

    /// As close as this only because nothing holds them apart.
    @Test func ticksOfFewRowsAreNot() async throws {
        let pauses = try await pauses(whileRowsComeBy: 1, ticks: 30)
        #expect(pauses.contains { $0 < .milliseconds(20) }, "\(pauses)")
    }
}
