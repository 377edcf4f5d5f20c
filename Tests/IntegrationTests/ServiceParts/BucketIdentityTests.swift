import EventContracts
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import TestSupport
import Testing

@testable import IndexerService

@Suite("I40 a bucket of another deployment, or an empty one in its place, is never taken for ours")
struct BucketIdentityTests {
    private let time = SystemTime()
    private let random = SystemRandom()

    /// A store of its own with `count` databases that may turn to it.
    private func withIdentities(
        _ count: Int,
        _ body: (S3Store, [BucketIdentity]) async throws -> Void
    ) async throws {
        try await IndexerWorld.withStore { store, _ in
            try await withDatabases(count) { pools in
                try await body(store, pools.map { BucketIdentity(store: store, pool: $0) })
            }
        }
    }

    private func withDatabases(_ count: Int, _ body: ([PostgresPool]) async throws -> Void) async throws {
        guard count > 0 else { return try await body([]) }
        try await TestDatabase.withSchema { pool in
            let migrations = [
                Migration(number: 1, name: "deployment", sql: BucketIdentity.schema),
                Migration(number: 2, name: "mark", sql: BucketIdentity.schemaOfMark),
            ]
            _ = try await Migrator.migrate(migrations, on: pool)
            try await withDatabases(count - 1) { try await body([pool] + $0) }
        }
    }

    @Test func theFirstDeploymentMarksItAndTheSecondIsRefused() async throws {
        try await withIdentities(2) { store, identities in
            let (own, other) = (identities[0], identities[1])
            await #expect(throws: StoreFailure.self) { try await own.confirm() }
            try await own.claim(time: time, random: random)
            try await own.claim(time: time, random: random)
            try await own.confirm()
            await #expect(throws: ConfigurationError.self) {
                try await other.claim(time: time, random: random)
            }
            let marked = try await store.list(
                prefix: BucketIdentity.prefix,
                startAfter: nil,
                continuationToken: nil,
                limit: 10
            )
            #expect(marked.objects.count == 1)
        }
    }

    @Test func anotherServiceLearnsTheIdFromTheMarkerAndHoldsToIt() async throws {
        try await withIdentities(2) { store, identities in
            let (uploads, indexer) = (identities[0], identities[1])
            await #expect(throws: StoreFailure.self) { try await indexer.confirm() }
            try await uploads.claim(time: time, random: random)
            try await indexer.confirm()

            // The volume is lost and an empty one mounted in its place; then another deployment takes it.
            let marker = try await store.list(
                prefix: BucketIdentity.prefix,
                startAfter: nil,
                continuationToken: nil,
                limit: 10
            ).objects[0].key
            try await store.delete(marker)
            await #expect(throws: StoreFailure.self) { try await indexer.confirm() }
            await #expect(throws: StoreFailure.self) { try await uploads.confirm() }
            let other = BucketIdentity.prefix + "0190f000-0000-7000-8000-000000000001"
            _ = try await store.put(other, body: .bytes(ByteBuffer()))
            await #expect(throws: StoreFailure.self) { try await indexer.confirm() }
            await #expect(throws: ConfigurationError.self) {
                try await uploads.claim(time: time, random: random)
            }
        }
    }

    /// A service that starts again on an empty volume would otherwise mark it and find every file missing.
    @Test func aBucketThatHasLostItsMarkerIsNotMarkedAgain() async throws {
        try await withIdentities(1) { store, identities in
            try await identities[0].claim(time: time, random: random)
            let marker = try await markers(in: store)[0]
            try await store.delete(marker)
            await #expect(throws: StoreFailure.self) {
                try await identities[0].claim(time: time, random: random)
            }
            #expect(try await markers(in: store) == [])
            _ = try await store.put(marker, body: .bytes(ByteBuffer()))
            try await identities[0].claim(time: time, random: random)
        }
    }

    private func markers(in store: S3Store) async throws -> [String] {
        try await store.list(
            prefix: BucketIdentity.prefix,
            startAfter: nil,
            continuationToken: nil,
            limit: 10
        ).objects.map(\.key)
    }

    /// The unsafe variant would quarantine the file, and report the bytes of the upload as removed.
    @Test func theIndexerSaysNothingOfFilesInABucketThatIsNotOurs() async throws {
        try await IndexerWorld.with { world in
            let (stored, discarded) = (FileStory(1), FileStory(2))
            try await world.apply(stored.stored(), discarded.discarded())
            let marker = try await world.store.list(
                prefix: BucketIdentity.prefix,
                startAfter: nil,
                continuationToken: nil,
                limit: 10
            ).objects[0].key
            try await world.store.delete(marker)
            let ends = try await world.driveDue().map { "\($0)" }
            let isNothingSaid = ends.allSatisfy {
                $0.contains("postponed") && $0.contains("does not bear the marker")
            }
            #expect(ends.count == 2)
            #expect(isNothingSaid, "\(ends)")
            let early = try await world.answers().count
            #expect(early == 0)

            _ = try await world.store.put(marker, body: .bytes(ByteBuffer()))
            try await world.put(stored.objectKey, stored.content)
            try await world.hurry()
            try await world.settle()
            let answers = Set(try await world.answers().map(\.type))
            #expect(answers == [.fileIndexed, .uploadBytesRemoved])
        }
    }
}
