import EventContracts
import IdempotentInbox
import PostgresClient
import TestSupport
import Testing

@testable import IndexerService

@Suite("I21 I24 what a crash takes back is read again", .timeLimit(.minutes(2)))
struct UnflushedBatchTests {
    private static let nextOffset: Statement = "SELECT next_offset FROM consumer_offsets WHERE partition = 0"

    /// The offset that the claim of the next reader begins at, and what is there then.
    private func state(on pool: PostgresPool) async throws -> (nextOffset: Int64, documentCount: Int) {
        let offset = try await pool.query(Self.nextOffset).only().int64(0)
        return (offset, try await DocumentRow.all(on: pool).count)
    }

    @Test func itsOffsetGoesWithIt() async throws {
        try await ThrowawayCluster.with { cluster in
            try await cluster.stop("fast")
            // Nothing is flushed that nobody waits for.
            try await cluster.start("-c wal_writer_delay=10s")
            let pool = TestDatabase.makePool(cluster.settings)
            try await Migrator.migrate(IndexerSchema.migrations, on: pool)
            let events = (0..<3).map { FileStory($0).stored() }
            try await IndexerWorld.apply(events, from: 0, on: pool)
            #expect(try await state(on: pool) == (3, 3))

            try await cluster.stop("immediate")
            try await cluster.start("-c wal_writer_delay=10s")
            try await eventually("the server is back") { try await state(on: pool) == (0, 0) }
            try await IndexerWorld.apply(events, from: 0, on: pool)
            #expect(try await state(on: pool) == (3, 3))

            // What is waited for takes with it what was not.
            _ = try await InboxStore.claim(consumer: "another", topic: "t", partition: 1, on: pool)
            try await cluster.stop("immediate")
            try await cluster.start()
            try await eventually("the server is back") { try await state(on: pool) == (3, 3) }
            await pool.close()
        }
    }
}
