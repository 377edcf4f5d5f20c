import Determinism
import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import Testing
import TransactionalOutbox

@Suite("I13 what is published is noted before its partition goes", .timeLimit(.minutes(2)))
struct HoldTests {
    private static let always = TickStore.RotationLimits(rowCount: 0, ageSeconds: 0)
    private static let makeForeign: Statement = """
        UPDATE outbox_holds SET snap = '9999999:9999999:', incarnation = 'another/00000001'
        """
    private static let dropHolds: Statement = "DROP TABLE outbox_unparked, outbox_holds"
    private static let backdate: Statement = "UPDATE outbox SET created_at = created_at - interval '1 hour'"

    private func publish(_ world: OutboxWorld) async throws {
        try await TickReader(world: world, log: FakeLog(), epoch: 1).run { true }
    }

    private func turn(_ world: OutboxWorld) async throws -> Int? {
        try await TickStore(world.pool).rotate(epoch: 1, limits: Self.always)
    }

    /// Everything between where the hold stands and what is published.
    private func note(_ hold: HoldStore, limit: Int = 2_000) async throws -> [PublishedRow] {
        guard let range = try await hold.published() else { return [] }
        var noted: [PublishedRow] = []
        var position = HeldPosition.start
        while let page = try await hold.rows(of: range, after: position, limit: limit) {
            noted += page.rows
            position = page.end
        }
        _ = try await hold.advance(over: range)
        return noted
    }

    @Test func aPartitionThatIsNotNotedStays() async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            try await hold.register()
            for key in ["a", "b", "c"] {
                try await world.change(key)
                try await publish(world)
                _ = try await turn(world)
            }
            // Two turns into empty partitions; the third finds the published, but not noted, row of `a`.
            #expect(try await turn(world) == nil)
            #expect(try await TickStore(world.pool).rotationOverdueSeconds(limits: Self.always) >= 0)
            let noted = try await note(hold)
            #expect(noted.map(\.key) == ["a", "b", "c"] && noted.map(\.version) == [1, 1, 1])
            #expect(try await turn(world) != nil)
            let again = try await note(hold)
            #expect(again.isEmpty)
        }
    }

    @Test func aReleasedHoldKeepsNothing() async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            try await hold.register()
            for key in ["a", "b", "c"] {
                try await world.change(key)
                try await publish(world)
                _ = try await turn(world)
            }
            #expect(try await turn(world) == nil)
            #expect(try await hold.release())
            #expect(try await turn(world) != nil)
            #expect(try await !hold.release())
        }
    }

    /// A relay of this build on a database of the build before.
    @Test func withoutTheTableItTurnsAsBefore() async throws {
        try await OutboxWorld.with { world in
            try await world.pool.execute(Self.dropHolds)
            for key in ["a", "b", "c", "d"] {
                try await world.change(key)
                try await publish(world)
                #expect(try await turn(world) != nil)
            }
            #expect(try await TickStore(world.pool).holds().isEmpty)
        }
    }

    /// A hold has gone past what was parked; when it is published after all, every hold that was there hears of it, once.
    @Test func whatWasParkedIsNotedWhenItIsPublished() async throws {
        try await OutboxWorld.with { world in
            let (one, other) = (HoldStore("one", on: world.pool), HoldStore("other", on: world.pool))
            for hold in [one, other] { try await hold.register() }
            for key in ["a", "a", "b"] { try await world.change(key) }
            let ticks = TickStore(world.pool)
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let rows = try await ticks.page(of: tick, after: tick.lastID)
            let parked = rows.filter { $0.key == "a" }.map(\.id)
            try await ticks.park(parked, reason: "too large", by: start.leader)
            _ = try await ticks.end(tick)
            for hold in [one, other] {
                #expect(try await note(hold).map(\.key) == ["b"])
                #expect(try await hold.unparked().isEmpty)
            }
            try await ticks.unpark("a", through: parked[0], by: start.leader)
            #expect(try await one.unparked().map(\.version) == [1])
            try await ticks.unpark("a", through: parked[1], by: start.leader)
            let noted = try await one.unparked()
            #expect(noted.map(\.key) == ["a", "a"] && noted.map(\.version) == [1, 2])
            try await one.forget(unparked: Array(noted.prefix(1)))
            #expect(try await one.unparked().map(\.version) == [2])
            try await one.forget(unparked: noted)
            #expect(try await one.unparked().isEmpty)
            #expect(try await other.unparked().count == 2)
            #expect(try await other.release())
            #expect(try await other.unparked().isEmpty)
            #expect(try await note(one).isEmpty)
        }
    }

    @Test func theAgeOfWhatAHoldKeepsIsTold() async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            try await hold.register()
            let idle = try await TickStore(world.pool).holds()
            #expect(idle.map(\.name) == ["test"] && idle.map(\.ageSeconds) == [0])
            try await world.change("a")
            try await world.pool.execute(Self.backdate)
            try await publish(world)
            let behind = try #require(try await TickStore(world.pool).holds().first)
            #expect((3_600...3_700).contains(behind.ageSeconds))
            _ = try await note(hold)
            let caughtUp = try #require(try await TickStore(world.pool).holds().first)
            #expect(caughtUp.ageSeconds == 0)
        }
    }

    /// What another server's snapshot says of transactions is nothing: all is kept, and noted again.
    @Test func aHoldOfAnotherServerStartsOver() async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            try await hold.register()
            for key in ["a", "b", "c"] {
                try await world.change(key)
                try await publish(world)
                _ = try await turn(world)
            }
            try await world.pool.execute(Self.makeForeign)
            #expect(try await turn(world) == nil)
            #expect(try await note(hold).map(\.key) == ["a", "b", "c"])
            #expect(try await turn(world) != nil)
        }
    }

    @Test func withoutARelayNothingIsTakenForPublished() async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            #expect(try await hold.published() == nil)
            try await hold.register()
            try await world.change("a")
            #expect(try await hold.published() == nil)
        }
    }

    @Test func aParkedRowIsNotPublished() async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            try await hold.register()
            for key in ["a", "b"] { try await world.change(key) }
            let ticks = TickStore(world.pool)
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let rows = try await ticks.page(of: tick, after: tick.lastID)
            try await ticks.park([try #require(rows.first).id], reason: "too large", by: start.leader)
            _ = try await ticks.end(tick)
            #expect(try await note(hold).map(\.key) == ["b"])
        }
    }

    @Test func aHoldSettlesOnlyWhenNothingIsLeftToNote() async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            try await hold.register()
            try await world.change("a")
            #expect(try await !hold.settle())
            try await publish(world)
            #expect(try await !hold.settle())
            _ = try await note(hold)
            #expect(try await hold.settle())
            try await world.change("b")
            #expect(try await !hold.settle())
            try await publish(world)
            #expect(try await note(hold).map(\.key) == ["b"])
        }
    }

    /// Writers, a relay that dies, partitions that turn all the time, and two who note at once: nothing is left out.
    @Test(arguments: [false, true])
    func nothingIsLeftOut(withOpenTransactions: Bool) async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            try await hold.register()
            let (noted, rotations) = (FakeLog(), Counter())
            let deadline = world.time.uptime + .seconds(4)
            /// On a slow machine later, until the partitions have turned often enough.
            @Sendable func isPast(_ end: Duration) -> Bool {
                world.time.uptime > (rotations.count > 3 ? end : end + .seconds(60))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await world.write(keyCount: 12) { isPast(deadline) } }
                }
                if withOpenTransactions {
                    for number in 0..<3 {
                        let end = deadline - .seconds(number)
                        group.addTask { try await world.hold("slow\(number)", until: end) }
                    }
                }
                group.addTask {
                    var reader = TickReader(world: world, log: FakeLog(), epoch: 1)
                    reader.rotation = Self.always
                    reader.rotations = rotations
                    reader.deathRate = 40
                    while true {
                        do {
                            return try await reader.run { isPast(deadline + .seconds(1)) }
                        } catch is TickReader.Died {}
                    }
                }
                for _ in 0..<2 {
                    group.addTask {
                        while !isPast(deadline + .seconds(1)) {
                            for row in try await note(hold, limit: 7) {
                                noted.append(key: row.key, version: row.version)
                            }
                            if world.random.uniform(below: 4) == 0 { try await hold.settle() }
                        }
                    }
                }
                try await group.waitForAll()
            }
            for row in try await note(hold) { noted.append(key: row.key, version: row.version) }
            let findings = noted.findings(try await world.committed())
            #expect(findings.lost == 0 && findings.phantoms == 0 && findings.events > 100)
            #expect(rotations.count > 3)
        }
    }
}
