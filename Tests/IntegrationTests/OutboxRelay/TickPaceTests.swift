import FaultPoints
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
    private func pauses(ofTicksOf rowCount: Int, _ tickCount: Int) async throws -> [Duration] {
        try await RelayRig.with { rig in
            let clock = TickClock()
            let relay = RunningRelay(rig.world, rig.cluster, faults: clock)
            try await eventually { relay.figures.isLeader }
            let isEnough = Mutex(false)
            async let writing: Void = {
                // One transaction, so that no tick has fewer rows.
                while !isEnough.withLock({ $0 }) {
                    try await rig.world.transact { tx in
                        for number in 0..<rowCount { try await rig.world.change("k\(number)", in: tx) }
                    }
                }
            }()
            try await eventually(within: .seconds(30), "ticks") { clock.pauses.count >= tickCount }
            isEnough.withLock { $0 = true }
            try await writing
            let findings = try await rig.arrivals()
            try await relay.stop()
            #expect(findings.isClean, "\(findings)")
            return clock.pauses
        }
    }

    @Test func ticksOfManyRowsAreSpaced() async throws {
        let pauses = try await pauses(ofTicksOf: 64, 20)
        #expect(pauses.allSatisfy { $0 >= .milliseconds(20) }, "\(pauses)")
    }

    @Test func ticksOfFewRowsAreNot() async throws {
        let pauses = try await pauses(ofTicksOf: 1, 50)
        #expect(pauses.contains { $0 < .milliseconds(20) }, "\(pauses)")
    }
}
