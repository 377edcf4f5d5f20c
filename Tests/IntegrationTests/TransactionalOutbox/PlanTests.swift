import Foundation
import PostgresClient
import TestSupport
import Testing

@testable import TransactionalOutbox

/// The work of one page must not grow with the tick, whatever the planner knows of the table.
@Suite("Pages walk an index", .timeLimit(.minutes(2)))
struct PlanTests {
    private static let fill: Statement = """
        INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
        SELECT slot, n::text, 't', (n % 5000)::text, n / 5000 + 1, '{a,b}', 'payload'
          FROM outbox_writer, generate_series($1::bigint, $2::bigint) n
        """
    private static let explainer: Statement = """
        CREATE FUNCTION explain(kind text, statement text, arguments text) RETURNS SETOF text LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM set_config('plan_cache_mode', 'force_' || kind || '_plan', true);
            PERFORM set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
                    set_config('jit', 'off', true);
            PERFORM set_config('waybill.incarnation', (SELECT incarnation FROM outbox_tick), true),
                    set_config('waybill.drawn_id', (SELECT last_value FROM outbox_id_seq)::text, true);
            EXECUTE 'PREPARE explained AS ' || statement;
            RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE explained' || arguments;
            DEALLOCATE explained;
        END $$
        """
    private static let explain: Statement = "SELECT explain($1, $2, $3)"
    private static let analyze: Statement = "ANALYZE outbox"
    private static let pageLimit = 500

    private func fill(_ world: OutboxWorld, _ range: ClosedRange<Int64>) async throws {
        // Many transactions, as in life.
        for start in stride(from: range.lowerBound, through: range.upperBound, by: 5_000) {
            _ = try await world.pool.execute(Self.fill, start, min(start + 4_999, range.upperBound))
        }
    }

    /// Every number of rows that some node of the plan touched: rows it gave plus rows it threw away.
    private func touched(_ plan: [String]) -> Int {
        plan.reduce(0) { most, line in
            var count = 0
            if let found = line.firstMatch(of: /actual rows=(\d+) loops=(\d+)/) {
                count = (Int(found.1) ?? 0) * (Int(found.2) ?? 0)
            } else if let found = line.firstMatch(of: /Rows Removed by Filter: (\d+)/) {
                count = Int(found.1) ?? 0
            }
            return max(most, count)
        }
    }

    private func explain(
        _ world: OutboxWorld,
        _ statement: Statement,
        _ values: [String],
        _ kind: String
    ) async throws -> [String] {
        let arguments = values.map { "'\($0)'" }.joined(separator: ", ")
        return try await world.pool.query(Self.explain, kind, "\(statement.sql)", "(\(arguments))")
            .map { try $0.text(0) }
    }

    private func expectCheapPages(_ world: OutboxWorld, _ tick: TickPosition, _ when: String) async throws {
        let to = try #require(tick.to)
        let last = tick.lastID
        for kind in ["custom", "generic"] {
            for after in [last, last + 100_000, last + 199_000] {
                let values = [
                    tick.from, to, "\(after)", "\(tick.newID)", "\(Self.pageLimit)", "8000000",
                    tick.leader.incarnation,
                ]
                let plan = try await explain(world, TickStore.page, values, kind)
                let count = touched(plan)
                #expect(
                    count <= 3 * Self.pageLimit,
                    "\(when), \(kind), after \(after):\n\(plan.joined(separator: "\n"))"
                )
            }
        }
    }

    @Test func aBacklogOfTwoHundredThousandRows() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            _ = try await world.pool.execute(Self.explainer)
            let start = try await ticks.adopt(epoch: 1)
            try await fill(world, 1...200_000)

            // The planner knows nothing of the table.
            let fresh = try #require(try await ticks.begin(after: start))
            try await expectCheapPages(world, fresh, "never analysed")
            _ = try await world.pool.execute(Self.analyze)
            try await expectCheapPages(world, fresh, "analysed")

            // It knows of the rows that were there, not of the tick.
            let between = try await ticks.end(fresh)
            #expect(try await ticks.rotate(epoch: 1, limits: .init(rowCount: 1, ageSeconds: 1)) == 1)
            try await fill(world, 200_001...400_000)
            let stale = try #require(try await ticks.begin(after: between))
            try await expectCheapPages(world, stale, "analysed before the tick")

            // All around the circle: the first partition was truncated, its statistics were not.
            _ = try await ticks.end(stale)
            for _ in 0..<2 {
                #expect(try await ticks.rotate(epoch: 1, limits: .init(rowCount: 0, ageSeconds: 0)) != nil)
            }
            let position = try await ticks.adopt(epoch: 1)
            try await fill(world, 400_001...600_000)
            let turned = try #require(try await ticks.begin(after: position))
            try await expectCheapPages(world, turned, "after a truncation")
        }
    }

    /// One row with a low id that became visible late must not make a page walk over everything since.
    @Test func aTransactionThatWasOpenForLong() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            _ = try await world.pool.execute(Self.explainer)
            var position = try await ticks.adopt(epoch: 1)
            let (appended, mayCommit) = (Latch(), Latch())
            async let late: Void = world.transact { tx in
                try await world.change("late", in: tx)
                appended.set()
                try await eventually(within: .seconds(50)) { mayCommit.isSet }
            }
            try await eventually { appended.isSet }
            try await fill(world, 1...200_000)
            let backlog = try #require(try await ticks.begin(after: position))
            position = try await ticks.end(backlog)
            mayCommit.set()
            try await late
            try await world.change("new")

            for kind in ["custom", "generic"] {
                let begin = try await explain(
                    world,
                    TickStore.begin,
                    ["1", position.from, position.leader.incarnation],
                    kind
                )
                #expect(touched(begin) <= 100, "\(kind):\n\(begin.joined(separator: "\n"))")
                position = try await ticks.adopt(epoch: 1)
                if kind == "custom" {
                    // EXPLAIN ANALYZE has begun the tick: end it the way it was before.
                    _ = try await world.pool.execute(
                        "UPDATE outbox_tick SET snap_to = NULL, last_id = 0, new_id = 0"
                    )
                }
            }
            let tick = try await ticks.adopt(epoch: 1)
            // Of small rows; and with their sizes added up, as if they were large.
            for limits in [PageLimits(), PageLimits(byteCount: 1_999)] {
                let page = try await ticks.page(of: tick, after: tick.lastID, limits: limits)
                #expect(page.map(\.key) == ["late", "new"])
            }
            let values = [
                tick.from, tick.to ?? "", "\(tick.lastID)", "\(tick.newID)", "500", "8000000",
                tick.leader.incarnation,
            ]
            for kind in ["custom", "generic"] {
                let plan = try await explain(world, TickStore.page, values, kind)
                #expect(touched(plan) <= 100, "\(kind):\n\(plan.joined(separator: "\n"))")
            }
        }
    }
}
