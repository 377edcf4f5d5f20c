import Determinism
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing
import TransactionalOutbox

@Suite("I17 a row leaves the outbox only after it was published", .timeLimit(.minutes(1)))
struct RotationTests {
    private static let always = TickStore.RotationLimits(rowCount: 0, ageSeconds: 0)
    private static let writerSlot: Statement = "SELECT slot FROM outbox_writer"
    private static let insertLate: Statement = """
        INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
        VALUES ($1, 'late.1', 't', 'late', 1, '{}', 'late.1')
        """
    private static let allRows: Statement = "SELECT count(*) FROM outbox"
    private static let deadTuples: Statement = """
        SELECT coalesce(sum(n_dead_tup), 0)::bigint, coalesce(sum(pg_relation_size(relid)), 0)::bigint
          FROM pg_stat_user_tables WHERE relname IN ('outbox_0', 'outbox_1', 'outbox_2') AND schemaname = $1
        """

    /// Reads everything that is visible; the log gets it.
    private func readAll(_ world: OutboxWorld, _ log: FakeLog, epoch: Int64 = 1) async throws {
        try await TickReader(world: world, log: log, epoch: epoch).run { true }
    }

    private func turn(_ world: OutboxWorld) async throws -> Int? {
        try await TickStore(world.pool).rotate(epoch: 1, limits: Self.always)
    }

    private func rowCount(_ world: OutboxWorld) async throws -> Int64 {
        try await world.pool.query(Self.allRows).first?.int64(0) ?? -1
    }

    @Test func anUnpublishedRowKeepsItsPartition() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            try await world.change("a")
            try await readAll(world, log)
            #expect(try await turn(world) == 1)
            try await world.change("b")
            #expect(try await turn(world) == 2)
            try await world.change("c")
            // Partition 0 holds a published row only; 1 and 2 hold unpublished ones.
            #expect(try await turn(world) == 0)
            try await world.change("d")
            #expect(try await turn(world) == nil)
            #expect(try await rowCount(world) == 3)
            try await readAll(world, log)
            #expect(try await turn(world) == 1)
            #expect(log.findings(try await world.committed()).isClean && log.count == 4)
        }
    }

    /// A tick under way counts as unpublished, however far it has come.
    @Test func rowsOfATickUnderWayStay() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            for key in ["a", "b"] { try await world.change(key) }
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let rows = try await ticks.page(of: tick, after: tick.lastID)
            try await ticks.advance(tick, to: try #require(rows.first).id)
            for _ in 0..<2 { _ = try await turn(world) }
            #expect(try await turn(world) == nil)
            #expect(try await rowCount(world) == 2)
            let rest = try await ticks.page(of: tick, after: try #require(rows.first).id)
            #expect(rest.map(\.event.key) == ["b"])
        }
    }

    /// The writer picked slot 0 long ago and inserts after 0 was emptied and left again.
    @Test func aWriterThatPickedItsSlotEarlierLosesNothing() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            try await world.change("a")
            try await readAll(world, log)
            let (picked, mayInsert) = (Latch(), Latch())
            async let late: Void = world.transact { tx in
                let slot = try await tx.query(Self.writerSlot).first?.int(0) ?? -1
                picked.set()
                try await eventually { mayInsert.isSet }
                try await tx.execute(Self.insertLate, slot)
            }
            try await eventually { picked.isSet }
            for expected in [1, 2, 0, 1, 2] {
                #expect(try await turn(world) == expected)
                try await world.change("b")
                try await readAll(world, log)
            }
            mayInsert.set()
            try await late
            // 0 is next in turn and holds the late row.
            #expect(try await turn(world) == nil)
            try await readAll(world, log)
            #expect(try await turn(world) == 0)
            let findings = log.findings(try await world.committed().merging(["late": 1]) { $1 })
            #expect(findings.isClean, "\(findings)")
        }
    }

    /// It has inserted, but its row is visible to nobody yet: only its lock tells.
    @Test func anOpenInsertKeepsItsPartition() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            try await world.change("a")
            let (inserted, mayCommit) = (Latch(), Latch())
            async let open: Void = world.transact { tx in
                try await world.change("late", in: tx)
                inserted.set()
                try await eventually { mayCommit.isSet }
            }
            try await eventually { inserted.isSet }
            try await readAll(world, log)
            #expect(try await turn(world) == 1)
            #expect(try await turn(world) == 2)
            let before = world.time.uptime
            #expect(try await turn(world) == nil)
            // It gave up instead of holding up every writer behind its request.
            #expect(world.time.uptime - before < .seconds(5))
            try await world.change("b")
            mayCommit.set()
            try await open
            try await readAll(world, log)
            #expect(log.findings(try await world.committed()).isClean)
            #expect(try await turn(world) == 0)
        }
    }

    @Test func aFormerLeaderTurnsNothing() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            try await world.change("a")
            _ = try await ticks.adopt(epoch: 2)
            await #expect(throws: TickFailure.fenced) {
                try await ticks.rotate(epoch: 1, limits: Self.always)
            }
            #expect(try await rowCount(world) == 1)
        }
    }

    @Test func publishedRowsLeaveNothingBehind() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            for round in 0..<6 {
                for number in 0..<20 { try await world.change("k\(number)") }
                try await readAll(world, log)
                #expect(try await turn(world) == (round + 1) % 3)
            }
            // The last turns empty what is left.
            try await readAll(world, log)
            let schema = world.pool.settings.schema ?? ""
            try await eventually("statistics") {
                let row = try await world.pool.query(Self.deadTuples, schema).first
                return try row?.int64(0) == 0
            }
            #expect(log.findings(try await world.committed()).isClean)
            #expect(log.count == 120)
        }
    }
}
