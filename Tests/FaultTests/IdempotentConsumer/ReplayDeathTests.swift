import FaultPoints
import Foundation
import IdempotentInbox
import PostgresClient
import TestSupport
import Testing

@Suite("I25 I26 the consumer may die in a replay", .serialized, .timeLimit(.minutes(4)))
struct ReplayDeathTests {
    /// What the indexer cannot apply, until somebody removes the obstacle.
    private static let obstruct: Statement = """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$
        """
    private static let arm: Statement = """
        CREATE TRIGGER obstacle BEFORE INSERT OR UPDATE ON documents
            FOR EACH ROW WHEN (NEW.name LIKE 'stuck%') EXECUTE FUNCTION refuse()
        """
    private static let disarm: Statement = "DROP TRIGGER obstacle ON documents"
    private static let document: Statement = "SELECT version, state FROM documents WHERE file_id = $1::uuid"

    /// A file is parked at its first event, its delete waits behind it; the program dies before or after it has applied
    /// the first. Whoever comes next finishes.
    @Test(arguments: [FaultPoint.beforeParkedReplayed, .afterParkedReplayed])
    func theNextOneGoesOn(point: FaultPoint) async throws {
        try await TestStack.with { stack in
            let pool = stack.indexerDatabase
            _ = try await pool.execute(Self.obstruct)
            _ = try await pool.execute(Self.arm)
            let stuck = try await stack.store("stuck.txt", "a marigold")
            let free = try await stack.store("free.txt", "a marigold")
            try await stack.delete(stuck)
            try await eventually(within: .seconds(40), "both events are parked") {
                try await parked(stuck, pool).count == 2
            }
            try await stack.searchFinds("marigold", [free])
            #expect(try await parked(stuck, pool)[0].reason.contains("not this one"))

            try await stack.stop(.indexerService)
            try await stack.start(.indexerService, crashAt: point)
            _ = try await pool.execute(Self.disarm)
            let asked = try await replay(stack, wait: 0)
            #expect(asked.exitCode == 75)
            #expect(try await stack.exit(of: .indexerService, within: .seconds(60)) == .exited(137))
            let left = point == .beforeParkedReplayed ? 2 : 1
            #expect(try await parked(stuck, pool).count == left)

            try await stack.start(.indexerService)
            try await eventually(within: .seconds(40), "nothing is parked") {
                try await parked(stuck, pool).isEmpty
            }
            let row = try #require(try await pool.query(Self.document, stuck).first)
            #expect(try row.int64(0) == 2 && row.text(1) == "DELETED")
            // The key is free: what comes now is applied.
            try await stack.restore(stuck)
            try await stack.searchFinds("marigold", [free, stuck], within: .seconds(40))
            #expect(try await stack.violations() == [])
        }
    }

    private func parked(_ id: String, _ pool: PostgresPool) async throws -> [ParkedEntry] {
        try await InboxStore.parked(ParkedSelection(key: Array(id.utf8)), limit: 10, on: pool)
    }

    private func replay(_ stack: TestStack, wait seconds: Int) async throws -> TestCommand {
        try await TestCommand.run(
            "WaybillCLI",
            ["parked", "replay", "--all", "--wait", "\(seconds)"],
            environment: ["WAYBILL_DATABASE_URL": stack.indexerDatabaseURL]
        )
    }
}
