import Foundation
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

/// Sightings are evidence in the epoch in which an object was seen: whoever gave it a row in the one before may be forgotten.
@Suite("I37 what a check saw before an epoch began is no sighting in it", .timeLimit(.minutes(2)))
struct CheckEpochTests {
    private static let begin: Statement = "UPDATE incarnation SET epoch = epoch + 1"
    private static let sightings: Statement = "SELECT epoch, sightings FROM orphan_sightings"
    private static let ranges: Statement = "SELECT 1 FROM consistency_ranges"

    /// With one object that has no row.
    private func world(_ body: (CheckWorld) async throws -> Void) async throws {
        try await CheckWorld.run({ $0.hasWorker = false }) { world in
            try await world.store(1)
            try await world.put(CheckWorld.foreignKey(), "left over")
            try await body(world)
        }
    }

    private func expectNothingNoted(_ world: CheckWorld) async throws {
        #expect(try await world.pool.query(Self.sightings).isEmpty)
        #expect(try await world.pool.query(Self.ranges).isEmpty)
    }

    /// As it comes back with a backup: it was begun, and nothing of it is true of the database that it is in now.
    @Test func norIsACheckOfBeforeGoneOnWith() async throws {
        try await world { world in
            _ = try await world.begin(CheckRequest(requestedBy: "test", digests: .none))
            _ = try await world.pool.execute(Self.begin)
            let report = try await world.drive(world.tools())
            #expect(!report.isComplete && !report.isConsistent)
            #expect(report.skipped["surroundings"]?.contains("epoch") == true, "\(report.skipped)")
            try await expectNothingNoted(world)
            // The next one is of this epoch.
            let (next, _) = try await world.check()
            #expect(next.counts["orphan_object"] == 1)
            let row = try #require(try await world.pool.query(Self.sightings).first)
            #expect(try row.int64(0) == 1 && row.int(1) == 1)
            // What was said in an epoch is no answer in the one after it.
            let checks = world.service.wiring.checks
            #expect(try await checks.verdict()?.hasFindings == true)
            _ = try await world.pool.execute(Self.begin)
            #expect(try await checks.verdict() == nil)
        }
    }

    @Test func norOneDuringWhichItBegan() async throws {
        try await world { world in
            let pool = world.pool
            let lister = world.service.store.lister
            let (report, _) = try await world.check(list: { after, token async throws(StoreFailure) in
                _ = try? await pool.execute(Self.begin)
                return try await lister(after, token)
            })
            #expect(!report.isComplete)
            try await expectNothingNoted(world)
        }
    }

    /// In the moment between the last look and the end: under the epoch of the check, where they are no evidence, or not at all.
    @Test func norWhatIsNotedAtTheLastMoment() async throws {
        try await world { world in
            let check = try await world.begin(CheckRequest(requestedBy: "test", digests: .none))
            _ = try await world.pool.execute(
                """
                INSERT INTO consistency_findings (check_id, kind, subject, object_key, size, etag, detail)
                VALUES ($1, 'orphan_object', 'k', 'k', 1, 'e', 'planted')
                """,
                check
            )
            _ = try await world.pool.execute(Self.begin)
            _ = try await world.pool.withTransaction {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Int64? in
                try await FindingStore.noteSightings(of: check, after: 0, limit: 10, in: tx)
            }
            let row = try #require(try await world.pool.query(Self.sightings).first)
            #expect(try row.int64(0) == 0)
        }
    }
}
