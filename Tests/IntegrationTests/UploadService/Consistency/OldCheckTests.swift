import Foundation
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("Consistency: checks that are kept, and those that go")
struct OldCheckTests {
    private static let insert: Statement = """
        INSERT INTO consistency_checks (id, requested_by, mode, digests, state, incarnation, is_complete, is_consistent, progress,
                                        finding_counts, started_at, finished_at)
        VALUES ($1::uuid, $2, 'full', 'none', $3, 'x', $4::boolean, false, '{"parts":{}}', '{"orphan_object": 12}',
                now() - make_interval(days => $5::int), now() - make_interval(days => $5::int))
        """
    private static let find: Statement = """
        INSERT INTO consistency_findings (check_id, kind, subject, detail)
        SELECT $1::uuid, 'orphan_object', n::text, 'x' FROM generate_series(1, 12) n
        """
    private static let plan: Statement = """
        INSERT INTO repair_plans (id, check_id, scope, reason, created_by, incarnation, item_count, harm_count, byte_count,
                                  checked_count, hash)
        VALUES ($1::uuid, $2::uuid, 'full', 'r', 't', 'x', 0, 0, 0, 0, sha256('x'))
        """

    @Test func oldOnesGoButThoseSomebodyNeeds() async throws {
        try await CheckWorld.run { world in
            let pool = world.pool
            func add(_ name: String, _ state: String, _ isComplete: Bool?, days: Int) async throws -> UUID {
                let id = UUID()
                _ = try await pool.execute(Self.insert, id, name, state, isComplete, days)
                _ = try await pool.execute(Self.find, id)
                return id
            }
            _ = try await add("old", "COMPLETED", true, days: 60)
            _ = try await add("old and incomplete", "COMPLETED", false, days: 50)
            _ = try await add("cancelled", "CANCELLED", nil, days: 45)
            _ = try await add("newest complete", "COMPLETED", true, days: 40)
            let planned = try await add("planned", "COMPLETED", true, days: 55)
            _ = try await pool.execute(Self.plan, UUID(), planned)
            _ = try await add("failed lately", "FAILED", false, days: 3)
            _ = try await add("newest", "COMPLETED", false, days: 32)
            #expect(try await OldCheckStore.remove(olderThan: .seconds(30 * 86_400), batch: 5, on: pool) == 3)
            let names = try await pool.query(
                "SELECT requested_by FROM consistency_checks ORDER BY requested_by"
            )
            .map { try $0.text(0) }
            #expect(names == ["failed lately", "newest", "newest complete", "planned"])
            let left = try await pool.query("SELECT count(*) FROM consistency_findings")
            #expect(try #require(left.first).int(0) == 4 * 12)
            #expect(try await OldCheckStore.remove(olderThan: .seconds(30 * 86_400), on: pool) == 0)

            let figures = try #require(try await CheckStore.figures(on: pool))
            #expect(figures.counts == ["orphan_object": 12] && !figures.isComplete)
            #expect(try #require(figures.completeAgeSeconds) > 39 * 86_400)
        }
    }

    @Test func theServiceRemovesThem() async throws {
        try await CheckWorld.run({
            $0.hasChecks = true
            $0.checks.retention = .zero
            $0.checks.removalInterval = .milliseconds(20)
        }) { world in
            let first = try await finished(world)
            // The newest stays however old it is.
            #expect(try await CheckStore.newest(complete: false, on: world.pool)?.id == first)
            let second = try await finished(world)
            try await eventually(within: .seconds(20), "the check before is gone") {
                try await CheckStore.find(first, on: world.pool) == nil
            }
            #expect(try await CheckStore.find(second, on: world.pool) != nil)
        }
    }

    /// Has the service run a check.
    private func finished(_ world: CheckWorld) async throws -> UUID {
        let checks = world.service.wiring.checks
        let id = try await checks.start(CheckRequest(requestedBy: "test", digests: .none))
        let check = try await checks.wait(for: id, upTo: .seconds(30))
        #expect(check.state == .completed)
        return id
    }
}
