import Determinism
import EventContracts
import Logging
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import TestSupport
import Testing

@testable import IndexerService

/// Its own database may be restored too: an order may be one that was carried out, answered and outlived.
@Suite("I37 the indexer in safe mode removes nothing", .timeLimit(.minutes(2)))
struct IndexerSafeModeTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let makeDue: Statement =
        "UPDATE sagas SET wake_at = '-infinity', lease_until = '-infinity'"

    private func watch(_ world: IndexerWorld) -> IncarnationWatch {
        IncarnationWatch(
            pool: world.pool,
            marks: nil,
            high: HighWaterMarks(store: world.store, bucket: world.bucket, service: "indexer"),
            time: world.time,
            random: world.random,
            logger: Self.quiet
        )
    }

    /// Everything that is due is looked at once.
    private func look(_ world: IndexerWorld) async throws {
        _ = try await world.pool.execute(Self.makeDue)
        try await world.driveDue()
    }

    private func emptyTrash(_ world: IndexerWorld) async throws {
        let emptying = TrashEmptying(
            interval: .seconds(60),
            retention: .zero,
            pool: world.pool,
            store: world.store,
            bucket: world.bucket,
            time: world.time,
            random: world.random,
            logger: Self.quiet
        )
        try await emptying.emptyBatch()
    }

    @Test(
        arguments: [
            "UPDATE incarnation SET identity = 'another'",
            "UPDATE clock_watch SET seen_at = seen_at - interval '2 days'",
        ] as [Statement]
    )
    func untilItIsLeft(_ change: Statement) async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "to go")
            try await world.put(story.objectKey, story.content)
            _ = try await world.pool.execute(change)
            try await world.apply(story.stored(), story.deleted(2), story.purging(3))
            try await look(world)
            #expect(try await !world.isAbsent(story.objectKey), "before anybody has looked")

            if try await watch(world).look() {
                try await look(world)
                #expect(try await !world.isAbsent(story.objectKey), "and after")
                #expect(try await !watch(world).look(), "once is enough")
                let stay = try #require(try await SafeMode.standing(on: world.pool).stay)
                try await world.pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                    #expect(try await SafeMode.leave(stay, by: "test", reason: "looked at", in: tx))
                }
            }
            _ = try await world.pool.execute(Self.makeDue)
            try await world.settle()
            #expect(try await world.isAbsent(story.objectKey))
            #expect(try await world.answers().map(\.type) == [.fileBytesRemoved])
        }
    }

    @Test func norDoesItEmptyTheTrash() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "left over")
            let plan = story.uploadID
            let key = ".waybill/trash/2026-11-21/\(plan.text)/\(story.objectKey)"
            try await world.put(key, story.content)
            _ = try await world.pool.execute(
                """
                INSERT INTO trash (plan_id, object_key, trash_key, size, etag, state, copied_at)
                VALUES ($1, $2, $3, 9, 'e', 'TRASHED', clock_timestamp() - interval '1 s')
                """,
                plan,
                story.objectKey,
                key
            )
            _ = try await world.pool.execute("UPDATE incarnation SET identity = 'another'")
            try await emptyTrash(world)
            #expect(try await world.store.head(key) != nil)
            _ = try await world.pool.execute(
                "UPDATE incarnation SET identity = (SELECT identity FROM incarnation_now)"
            )
            try await emptyTrash(world)
            #expect(try await world.store.head(key) == nil)
        }
    }
}
