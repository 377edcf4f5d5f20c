import Determinism
import EventContracts
import Foundation
import IdempotentInbox
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import Testing

@testable import IndexerService

/// Uploaders that reserve a row, write slowly and complete by compare-and-set, against a cleanup that runs all the time.
@Suite("I6 cleanup never destroys a live upload", .serialized, .timeLimit(.minutes(4)))
struct LiveUploadTests {
    private static let table = Migration(
        number: IndexerSchema.migrations.count + 1,
        name: "uploads_of_the_test",
        sql:
            "CREATE TABLE live_uploads (number int PRIMARY KEY, state text NOT NULL, expires timestamptz NOT NULL)"
    )
    private static let reserve: Statement = """
        INSERT INTO live_uploads VALUES ($1, 'PENDING', clock_timestamp() + make_interval(secs => $2 / 1000.0))
        """
    private static let complete: Statement = """
        UPDATE live_uploads SET state = 'COMPLETED' WHERE number = $1 AND state = 'PENDING'
        """
    private static let doom: Statement = """
        UPDATE live_uploads SET state = 'EXPIRED'
         WHERE state = 'PENDING' AND expires < clock_timestamp() RETURNING number
        """
    private static let numbers: Statement = "SELECT number FROM live_uploads WHERE state = $1"

    private static let uploadCount = 240

    private func withWorld(_ body: (IndexerWorld) async throws -> Void) async throws {
        try await IndexerWorld.with(late: .milliseconds(150)) { world in
            try await Migrator.migrate(IndexerSchema.migrations + [Self.table], on: world.pool)
            try await body(world)
        }
    }

    /// Row first, then the bytes, then the compare-and-set. Some are much slower than their deadline.
    private func upload(_ number: Int, _ world: IndexerWorld) async throws {
        // However slow the machine, some come in before their deadline.
        _ = try await world.pool.execute(Self.reserve, number, number.isMultiple(of: 4) ? 600_000 : 40)
        try await world.time.sleep(for: world.random.jitter(upTo: .milliseconds(45)))
        try await world.put(FileStory(number).objectKey, "content \(number)")
        try await world.time.sleep(for: world.random.jitter(upTo: .milliseconds(45)))
        _ = try await world.pool.execute(Self.complete, number)
    }

    private func uploadAll(_ world: IndexerWorld) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.uploadCount {
                if number >= 12 { try await group.next() }
                group.addTask { try await self.upload(number, world) }
            }
            try await group.waitForAll()
        }
    }

    /// Runs each part of the cleanup again and again while uploads come in.
    private func race(_ world: IndexerWorld, _ cleanup: [@Sendable () async throws -> Void]) async throws {
        let isOver = Signal()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in cleanup { group.addTask { while !isOver.isRaised { try await part() } } }
            defer { isOver.raise() }
            try await uploadAll(world)
            isOver.raise()
            try await group.waitForAll()
        }
    }

    private func numbers(_ state: String, _ world: IndexerWorld) async throws -> [Int] {
        try await world.pool.query(Self.numbers, state).map { try $0.int(0) }
    }

    private func destroyed(_ world: IndexerWorld) async throws -> Int {
        var count = 0
        for number in try await numbers("COMPLETED", world) {
            if try await world.store.head(FileStory(number).objectKey) == nil { count += 1 }
        }
        return count
    }

    @Test func doomedByCompareAndSetFirstNothingAcknowledgedIsDestroyed() async throws {
        try await withWorld { world in
            let doom: @Sendable () async throws -> Void = {
                let doomed = try await world.pool.query(Self.doom).map { try $0.int(0) }
                if !doomed.isEmpty { try await world.apply(doomed.map { FileStory($0).discarded() }) }
                try await world.time.sleep(for: .milliseconds(2))
            }
            try await race(world, [doom, { _ = try await world.driveDue() }])
            try await doom()
            // Longer than the lease of a saga whose end could not be written down.
            try await world.settle(within: .seconds(90))

            let (kept, doomed) = (try await numbers("COMPLETED", world), try await numbers("EXPIRED", world))
            #expect(
                kept.count > 20 && doomed.count > 20,
                "no race: \(kept.count) kept, \(doomed.count) doomed"
            )
            #expect(kept.count + doomed.count == Self.uploadCount)
            #expect(try await destroyed(world) == 0)
            for number in doomed { #expect(try await world.isAbsent(FileStory(number).objectKey)) }
        }
    }

    /// The naive form: what the bucket has, the table does not, and was there a while ago, goes. This must destroy, or
    /// the test above proves nothing.
    @Test func aGracePeriodDestroys() async throws {
        try await withWorld { world in
            let grace = Duration.milliseconds(15)
            let firstSeen = Mutex<[String: Duration]>([:])
            let cleanup: @Sendable () async throws -> Void = {
                let live = Set(try await self.numbers("COMPLETED", world).map { FileStory($0).objectKey })
                let keys = try await world.store.list(
                    prefix: "",
                    startAfter: nil,
                    continuationToken: nil,
                    limit: 1_000
                )
                let now = world.time.uptime
                for key in keys.objects.map(\.key) where !live.contains(key) {
                    let seen = firstSeen.withLock { seen in
                        if seen[key] == nil { seen[key] = now }
                        return seen[key] ?? now
                    }
                    if now - seen >= grace { try await world.store.delete(key) }
                }
            }
            try await race(world, [cleanup])
            #expect(try await destroyed(world) > 0)
        }
    }
}

private final class Signal: Sendable {
    private let value = Atomic(false)
    var isRaised: Bool { value.load(ordering: .relaxed) }
    func raise() { value.store(true, ordering: .relaxed) }
}
