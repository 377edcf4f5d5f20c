import EventContracts
import Foundation
import PostgresClient
import ServiceParts
import TestSupport
import Testing

@testable import IndexerService
@testable import UploadService

/// A backup is made; then a file is purged, another taken out of the trash, a session completed. All of it is forgotten.
@Suite("I37 restored database: nothing deleted", .timeLimit(.minutes(3)))
struct NothingDeletedTests {
    private struct Past: Sendable {
        /// Purged after the backup: the order is on the topic, not carried out; the restored row is AVAILABLE.
        let purged: String
        /// In the trash at the time of the backup, taken out of it afterwards.
        let untrashed: String
        let session: String
        let backup: String
    }

    private func past(_ old: ThrowawayCluster, _ service: ServiceUnderTest) async throws -> Past {
        let purged = try await service.upload("purged.txt").id
        let untrashed = try await service.upload("untrashed.txt").id
        #expect(try await service.delete(untrashed) == 200)
        let bytes = SessionClient.bytes(6 << 20)
        let (session, opened) = try await SessionClient.open("session.bin", bytes.count, on: service)
        #expect(opened.status == 201)
        try await session.putAll(bytes)
        let backup = try await old.dump()

        #expect(try await session.complete().status == 200)
        #expect(try await service.restore(untrashed) == 200)
        #expect(try await service.purge(purged) == 200)
        try await eventually { try await service.state(of: purged) == "PURGING" }
        return Past(purged: purged, untrashed: untrashed, session: session.id, backup: backup)
    }

    @Test func neitherByTheServiceNorByOrdersOfThePast() async throws {
        try await RestoredWorld.with { world async throws in
            try await world.withTwoClusters { old, new in
                let (story, told) = try await world.serve(old, isNew: true) { try await past(old, $0) }
                let keys = try await world.keys()
                #expect(keys.count == 3)
                try await new.load(story.backup)
                _ = try await world.serve(new) { try await restored(story, told, keys, world, $0) }
            }
        }
    }

    /// What it protects from: the same story, and nobody holds the database against what it was.
    @Test func withoutAWatchAcknowledgedBytesWouldGo() async throws {
        try await RestoredWorld.with { world async throws in
            try await world.withTwoClusters { old, new in
                let (story, told) = try await world.serve(old, isNew: true) { try await past(old, $0) }
                try await new.load(story.backup)
                let (keyOfPurged, after) = try await world.serve(new) { try await believed(story, $0) }
                try await IndexerWorld.beside(world.store) { indexer async throws in
                    try await indexer.apply(told)
                    try await indexer.settle()
                    // The restored database holds it available.
                    #expect(try await !world.keys().contains(keyOfPurged))
                }
                // And an index that was made anew knows nothing of what was a file.
                try await IndexerWorld.beside(world.store) { indexer async throws in
                    try await indexer.apply(
                        after.filter { $0.type == .filePurging || $0.type == .uploadDiscarded }
                    )
                    try await indexer.settle()
                    #expect(try await world.keys().isEmpty)
                }
            }
        }
    }

    /// - Returns: the key of the file that was purged after the backup.
    private func believed(_ story: Past, _ service: ServiceUnderTest) async throws -> String {
        _ = try await service.pool.execute(
            "UPDATE incarnation SET identity = (SELECT identity FROM incarnation_now)"
        )
        _ = try await service.pool.execute(
            "UPDATE clock_watch SET seen_at = clock_timestamp(), server_start = pg_postmaster_start_time()"
        )
        try await service.letTimePass()
        try await eventually("the file that was restored is purged") {
            try await service.state(of: story.untrashed) == "PURGING"
        }
        try await eventually("the session that was acknowledged is discarded") {
            try await IndexerWorld.answers(on: service.pool).contains { $0.type == .uploadDiscarded }
        }
        #expect(try await service.state(of: story.purged) == "AVAILABLE")
        let row = try await service.pool.query(
            "SELECT object_key FROM files WHERE id::text = $1",
            story.purged
        )
        return try row.only().text(0)
    }

    private func restored(
        _ story: Past,
        _ told: [FileEvent],
        _ keys: Set<String>,
        _ world: RestoredWorld,
        _ service: ServiceUnderTest
    ) async throws {
        // Before anybody has looked, and after: everything that waits for time is due at once.
        try await service.letTimePass()
        try await service.expectNothingOrdered()
        #expect(try await world.watch(service.pool).look())
        try await service.letTimePass()
        try await service.expectNothingOrdered()
        #expect(try await service.state(of: story.purged) == "AVAILABLE")
        #expect(try await service.state(of: story.untrashed) == "DELETED")
        #expect(try await service.ledger.uploads().contains("session.bin ACTIVE"))

        try await IndexerWorld.beside(world.store) { indexer async throws in
            // Its orders were never carried out, and are read from the topic only now.
            try await indexer.apply(told)
            try await indexer.settle()
            #expect(try await world.keys() == keys)
            #expect(try await indexer.answers().allSatisfy { $0.type == .fileIndexed })

            try await expectObstacles(world, service)
            try await leave(story, service, indexer)
        }
        // What the present database says is doomed goes after that. What the index knows to be a file stays all the same: the
        // session that this database takes for unfinished became one.
        #expect(try await world.keys().count == keys.count - 1)
        #expect(try await service.state(of: story.purged) == "AVAILABLE")
        try await service.ledger.expectBytes(in: world.store)
    }

    /// The session was acknowledged, and this database takes it for unfinished.
    private func expectObstacles(_ world: RestoredWorld, _ service: ServiceUnderTest) async throws {
        let caution = LeavingCaution(pool: service.pool, store: world.store)
        func obstacle() async throws -> String {
            let stay = try #require(try await SafeMode.standing(on: service.pool).stay)
            return try await caution.obstacle(stay) ?? "none"
        }
        #expect(try await obstacle().contains("has not been looked for yet"))
        let stay = try #require(try await SafeMode.standing(on: service.pool).stay)
        let complete = #"{"complete":true,"counts":{},"skipped":{},"losses":[]}"#
        #expect(try await SafeMode.keepSurvey(complete, of: stay, on: service.pool))
        #expect(try await obstacle().hasPrefix("1 objects lie under uploads of before"))
    }

    /// The operator lets both go for lost and leaves: from then on everything goes its usual way.
    private func leave(_ story: Past, _ service: ServiceUnderTest, _ indexer: IndexerWorld) async throws {
        let session = SessionClient(service: service, id: story.session)
        let answer = try await session.complete()
        #expect(answer.status == 503, "its parts are one object by now: \(answer.text)")
        #expect(try await service.leaveSafeMode())
        try await service.letTimePass()
        try await eventually("the file in the trash goes") {
            try await service.state(of: story.untrashed) == "PURGING"
        }
        do {
            try await eventually("the session expires") {
                try await service.ledger.uploads().contains("session.bin EXPIRED")
            }
        } catch {
            Issue.record("\(try await service.ledger.uploads()) \(service.witness.lines.suffix(5))")
            throw error
        }
        let orders = try await IndexerWorld.answers(on: service.pool).filter {
            $0.type == .filePurging || $0.type == .uploadDiscarded
        }
        #expect(orders.map { FileVersion.epoch(of: $0.version) } == [1, 1])
        try await indexer.apply(orders)
        try await eventually("one is carried out, the other refused") {
            try await indexer.driveDue()
            let isRemoved = try await indexer.answers().contains { $0.type == .fileBytesRemoved }
            let left = try await indexer.sagaCount()
            return isRemoved && left == 1
        }
    }

    /// Half of a purge, and a discarded upload, at the time of the backup: both are ordered again, under the new epoch.
    @Test func whatWasDoomedBeforeTheBackupGoesInTheEnd() async throws {
        try await RestoredWorld.with { world async throws in
            try await ThrowawayCluster.with { try await doomedBefore(world, $0) }
        }
    }

    private func doomedBefore(_ world: RestoredWorld, _ cluster: ThrowawayCluster) async throws {
        let (_, told) = try await world.serve(cluster, isNew: true) { service async throws in
            let id = try await service.upload("a").id
            #expect(try await service.purge(id) == 200)
            try await eventually { try await service.state(of: id) == "PURGING" }
            let (session, _) = try await SessionClient.open("s", 6 << 20, on: service)
            #expect(try await session.abort().status == 200)
        }
        try await cluster.failOver()
        let (_, after) = try await world.serve(cluster) { service async throws in
            #expect(try await world.watch(service.pool).look())
            try await service.letTimePass()
            try await service.expectNothingOrdered(since: told.count)
            #expect(try await service.leaveSafeMode())
            try await service.letTimePass()
            try await eventually("both are ordered again") {
                try await IndexerWorld.answers(on: service.pool).count >= told.count + 2
            }
        }
        let orders = after.dropFirst(told.count)
        #expect(Set(orders.map(\.type)) == [.filePurging, .uploadDiscarded])
        #expect(orders.allSatisfy { FileVersion.epoch(of: $0.version) == 1 })
        try await IndexerWorld.beside(world.store) { indexer async throws in
            try await indexer.apply(after)
            try await indexer.settle()
            let answers = Set(try await indexer.answers().map(\.type))
            #expect(answers.isSuperset(of: [.fileBytesRemoved, .uploadBytesRemoved]))
            #expect(try await world.keys().isEmpty)
        }
    }
}

extension ServiceUnderTest {
    /// Every saga that is due has been looked at, and has only been put off.
    func expectNothingOrdered(since count: Int = 0) async throws {
        try await eventually("all that was due was looked at") {
            try await pool.query("SELECT 1 FROM sagas WHERE wake_at <= clock_timestamp()").isEmpty
        }
        let orders = try await IndexerWorld.answers(on: pool).dropFirst(count).filter {
            $0.type == .filePurging || $0.type == .uploadDiscarded
        }
        #expect(orders.isEmpty, "\(orders)")
        #expect(try await ledger.uploads().allSatisfy { !$0.hasSuffix("EXPIRED") && !$0.hasSuffix("FAILED") })
    }
}
