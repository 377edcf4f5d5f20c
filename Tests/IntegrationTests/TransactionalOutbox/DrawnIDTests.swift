import PostgresClient
import TestSupport
import Testing

@testable import TransactionalOutbox

/// A tick is read from an id on that had been drawn when its transactions got their numbers. That passes nothing over as long
/// as nobody draws an id before that.
@Suite("Ids are drawn after transactions have their numbers", .timeLimit(.minutes(1)))
struct DrawnIDTests {
    /// The default of `id` as it was before.
    private static let oldDefault: Statement =
        "ALTER TABLE outbox ALTER COLUMN id SET DEFAULT nextval('outbox_id_seq')"
    private static let exhaust: Statement = "ALTER SEQUENCE outbox_id_seq MAXVALUE 2 RESTART 2"
    private static let draw: Statement = "SELECT nextval('outbox_id_seq')"
    /// Whether a transaction has its number when it comes to draw an id, and finds none.
    private static let numberedWhenDrawing: Statement = """
        CREATE FUNCTION numbered_when_drawing() RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
            VALUES (0, 'e', 't', 'k', 1, '{}', '');
            RAISE 'an id was drawn';
        EXCEPTION WHEN sequence_generator_limit_exceeded THEN
            RETURN pg_current_xact_id_if_assigned() IS NOT NULL;
        END $$
        """
    private static let ask: Statement = "SELECT numbered_when_drawing()"
    private static let drawMany: Statement =
        "SELECT count(nextval('outbox_id_seq')) FROM generate_series(1, 2000)"
    private static let noted: Statement = "SELECT current_setting('waybill.drawn_id')::bigint"
    private static let insertDrawn: Statement = """
        INSERT INTO outbox (id, slot, event_id, topic, key, version, headers, payload)
        VALUES ($1, 0, 'e', 't', 'drawn before', 1, '{}', '')
        """

    @Test func theDefaultTakesTheNumberFirst() async throws {
        try await OutboxWorld.with { world in
            let pool = world.pool
            _ = try await pool.execute(Self.exhaust)
            _ = try await pool.query(Self.draw)
            _ = try await pool.execute(Self.numberedWhenDrawing)
            #expect(try await pool.query(Self.ask).only().bool(0))
            _ = try await pool.execute(Self.oldDefault)
            #expect(try await pool.query(Self.ask).only().bool(0) == false)
        }
    }

    /// The naive way round, acted out: the id is drawn, a tick begins and ends, then the transaction begins.
    @Test func anIdDrawnBeforeWouldBePassedOver() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            let drawn = try await world.pool.query(Self.draw).only().int64(0)
            try await world.change("a")
            let first = try #require(try await ticks.begin(after: try await ticks.adopt(epoch: 1)))
            #expect(try await ticks.page(of: first, after: first.lastID).map(\.key) == ["a"])
            let between = try await ticks.end(first)

            _ = try await world.pool.execute(Self.insertDrawn, drawn)
            try await world.change("b")
            let second = try #require(try await ticks.begin(after: between))
            #expect(second.newID > drawn)
            #expect(try await ticks.page(of: second, after: second.lastID).map(\.key) == ["b"])
        }
    }

    /// A transaction that has its number and an id when the tick ends; if none with a higher number has ended, the snapshot
    /// does not name it. Without `begun_id` every test of `TickReaderTests` that writes at the same time loses rows.
    @Test func whoHadBegunUnnoticedIsAskedForItsFirstID() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            let position = try await ticks.adopt(epoch: 1)
            let (appended, mayCommit) = (Latch(), Latch())
            try await world.change("a")
            async let slow: Void = world.transact { tx in
                try await world.change("begun", in: tx)
                appended.set()
                try await eventually(within: .seconds(50)) { mayCommit.isSet }
            }
            try await eventually { appended.isSet }
            let first = try #require(try await ticks.begin(after: position))
            let between = try await ticks.end(first)
            mayCommit.set()
            try await slow
            try await world.change("c")
            let second = try #require(try await ticks.begin(after: between))
            #expect(try await ticks.page(of: second, after: second.lastID).map(\.key) == ["begun", "c"])
        }
    }

    /// While `nextval` writes to the log, a SELECT of the sequence may see ids that nobody has drawn: a bound that is too high.
    @Test func whatWasDrawnIsReadUnderTheLockOfTheSequence() async throws {
        try await OutboxWorld.with { world in
            let (pool, isRead) = (world.pool, Latch())
            _ = try await pool.query(Self.draw)
            async let drawing: Void = {
                while !isRead.isSet { _ = try await pool.query(Self.drawMany) }
            }()
            var (last, fallCount) = (Int64(0), 0)
            for _ in 0..<3_000 {
                let rows = try await pool.pipeline([
                    BoundStatement(TickStore.noteDrawnID), BoundStatement(Self.noted),
                ])
                let noted = try #require(try rows.last?.only().int64(0))
                if noted < last { fallCount += 1 }
                last = noted
            }
            isRead.set()
            try await drawing
            #expect(fallCount == 0 && last > 1)
        }
    }

    /// A statement whose connection broke may take effect after its sender has looked for what there is.
    @Test func aTickThatALostConnectionBeganIsNotTakenForSilence() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            let position = try await ticks.adopt(epoch: 1)
            try await world.change("a")
            let zombie = try #require(try await ticks.begin(after: position))
            // Whoever sent it knows nothing of it.
            await #expect(throws: TickFailure.fenced) { try await ticks.begin(after: position) }
            #expect(try await ticks.adopt(epoch: 1) == zombie)
            let between = try await ticks.end(zombie)
            try await world.change("b")
            // Nor does it begin one behind another's end.
            await #expect(throws: TickFailure.fenced) { try await ticks.begin(after: position) }
            #expect(try await ticks.begin(after: between) != nil)
        }
    }

    /// Where a tick begins is kept with it, for whoever goes on with it and for the one that follows.
    @Test func theBoundFollowsTheTick() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            for key in ["a", "b", "c"] { try await world.change(key) }
            let first = try #require(try await ticks.begin(after: try await ticks.adopt(epoch: 1)))
            #expect(first.newID == 1)
            let between = try await ticks.end(try await ticks.adopt(epoch: 1))
            try await world.change("d")
            let second = try #require(try await ticks.begin(after: between))
            #expect(second.newID == 3 && second.lastID == 2)
            #expect(try await ticks.adopt(epoch: 2).newID == 3)
            #expect(try await ticks.page(of: second, after: second.lastID).map(\.id) == [4])
        }
    }
}
