import PostgresClient
import TestSupport
import Testing
import TransactionalOutbox

/// Another server answers between two statements, so fast that nobody sees an error: a replica that was promoted, or a backup,
/// behind the same address. Its transactions are others.
@Suite("I13 a server that takes another's place between two pages", .timeLimit(.minutes(1)))
struct FailoverTests {
    /// What the outbox and the hold say of the server that wrote them.
    private static let anotherServer: Statement = """
        WITH hold AS (UPDATE outbox_holds SET incarnation = '1/00000001')
        UPDATE outbox_tick SET incarnation = '1/00000001'
        """
    /// It has not come to the transactions of the rows it has got.
    private static let behind: Statement = """
        UPDATE outbox SET tx = (tx::text::bigint + 1000000000)::text::xid8
        """
    /// As if a promoted replica that never heard of the leader had given out the same epoch.
    private static let sameServerAgain: Statement = "UPDATE outbox_tick SET incarnation = $1"

    /// Two of six rows are published; then the server is another one.
    private func failOver(_ world: OutboxWorld, _ log: FakeLog) async throws -> (TickPosition, Int64) {
        let ticks = TickStore(world.pool)
        for key in ["a", "b", "a", "c", "b", "a"] { try await world.change(key) }
        let start = try await ticks.adopt(epoch: 1)
        let tick = try #require(try await ticks.begin(after: start))
        let page = try await ticks.page(of: tick, after: tick.lastID, limits: PageLimits(rowCount: 2))
        log.append(page)
        let last = try #require(page.last).id
        try await ticks.advance(tick, to: last)
        _ = try await world.pool.execute(Self.anotherServer)
        #expect(try await world.pool.execute(Self.behind) == 6)
        return (tick, last)
    }

    @Test func theReaderStartsOverAndLosesNothing() async throws {
        try await OutboxWorld.with { world in
            let (log, ticks) = (FakeLog(), TickStore(world.pool))
            let (tick, last) = try await failOver(world, log)
            #expect(try await ticks.page(of: tick, after: last).isEmpty)
            await #expect(throws: TickFailure.fenced) { try await ticks.advance(tick, to: last) }
            await #expect(throws: TickFailure.fenced) { try await ticks.end(tick) }
            try await TickReader(world: world, log: log, epoch: 2).run { true }
            let findings = log.findings(try await world.committed())
            #expect(findings.isClean && findings.repeats == 2, "\(findings)")
        }
    }

    /// What it protects from: the same reader, to which every server is the one it was.
    @Test func aReaderThatDoesNotLookLosesRows() async throws {
        try await OutboxWorld.with { world in
            let (log, ticks) = (FakeLog(), TickStore(world.pool))
            var (tick, last) = try await failOver(world, log)
            _ = try await world.pool.execute(Self.sameServerAgain, tick.leader.incarnation)
            while let row = try await ticks.page(of: tick, after: last).last {
                last = row.id
            }
            tick = try await ticks.end(tick)
            try await world.change("d")
            try await TickReader(world: world, log: log, epoch: 1).run { true }
            #expect(log.findings(try await world.committed()).lost == 4)
        }
    }

    @Test func betweenTwoTicksToo() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            try await world.change("a")
            let tick = try #require(try await ticks.begin(after: try await ticks.adopt(epoch: 1)))
            let between = try await ticks.end(tick)
            #expect(try await ticks.begin(after: between) == nil)
            let request = try await ticks.submit(.republish, key: nil, since: nil)
            _ = try await world.pool.execute(Self.anotherServer)
            await #expect(throws: TickFailure.fenced) { try await ticks.begin(after: between) }
            try await world.change("a")
            await #expect(throws: TickFailure.fenced) { try await ticks.begin(after: between) }
            await #expect(throws: TickFailure.fenced) {
                try await ticks.park([1], reason: "r", by: tick.leader)
            }
            await #expect(throws: TickFailure.fenced) {
                try await ticks.rotate(epoch: 1, limits: .init(rowCount: 0, ageSeconds: 0))
            }
            // Of what is left for republishing nothing is known; the request waits for the next leader.
            await #expect(throws: TickFailure.fenced) {
                try await ticks.finish(request, result: "0", by: tick.leader)
            }
            #expect(try await ticks.nextRequest()?.id == request)
        }
    }

    /// The lease of the promoted replica may be behind: two leaders, one epoch.
    @Test func theSameEpochInAnotherServerIsAnotherLeader() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            try await world.change("a")
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let former = TickPosition(
                leader: TickLeader(epoch: 1, incarnation: "1/00000001"),
                from: tick.from,
                to: tick.to,
                lastID: tick.lastID,
                newID: tick.newID
            )
            for limits in [PageLimits(), PageLimits(byteCount: 1)] {
                #expect(try await ticks.page(of: former, after: tick.lastID, limits: limits).isEmpty)
            }
            await #expect(throws: TickFailure.fenced) { try await ticks.advance(former, to: 9) }
            await #expect(throws: TickFailure.fenced) { try await ticks.end(former) }
            await #expect(throws: TickFailure.fenced) {
                try await ticks.unpark("a", through: 9, by: former.leader)
            }
            #expect(try await ticks.page(of: tick, after: tick.lastID).count == 1)
        }
    }

    /// Noting what was published is cut short in the same way.
    @Test func aHoldIsNotMovedInAnotherServer() async throws {
        try await OutboxWorld.with { world in
            let hold = HoldStore("test", on: world.pool)
            try await hold.register()
            for key in ["a", "b"] { try await world.change(key) }
            try await TickReader(world: world, log: FakeLog(), epoch: 1).run { true }
            // The first look starts the hold over in this server.
            _ = try await hold.published()
            let range = try #require(try await hold.published())
            let first = try #require(try await hold.rows(of: range, after: .start, limit: 1))
            _ = try await world.pool.execute(Self.anotherServer)
            #expect(try await !hold.advance(over: range))
            #expect(try await !hold.settle())
            #expect(try await hold.published() == nil)

            try await TickReader(world: world, log: FakeLog(), epoch: 2).run { true }
            let again = try #require(try await hold.published())
            let rows = try #require(try await hold.rows(of: again, after: .start)).rows
            #expect(rows.map(\.key) == ["a", "b"] && first.rows.map(\.key) == ["a"])
            #expect(try await hold.advance(over: again))
        }
    }
}
