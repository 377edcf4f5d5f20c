import Foundation
import ObjectStore
import PostgresClient
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

/// A volume's snapshot has the identity, the timeline and the epoch that the database has.
@Suite("I37 a copy of the disk that is put back is found out", .timeLimit(.minutes(3)))
struct PutBackTests {
    /// As much as a database writes in a while.
    private static let write: Statement = "SELECT pg_logical_emit_message(true, 'test', repeat('x', 4000000))"

    @Test func byHowFarTheDatabaseHadCome() async throws {
        try await RestoredWorld.with { world async throws in
            try await ThrowawayCluster.with { try await putBack(world, $0) }
        }
    }

    private func putBack(_ world: RestoredWorld, _ cluster: ThrowawayCluster) async throws {
        let (kept, _) = try await world.serve(cluster, isNew: true) { service async throws in
            let id = try await service.upload("kept.txt").id
            #expect(try await !world.watch(service.pool).look())
            #expect(try await service.delete(id) == 200)
            return id
        }
        try await cluster.stop("fast")
        let copy = try await cluster.copyDisk()
        try await cluster.start()
        _ = try await world.serve(cluster) { service async throws in
            #expect(try await !world.watch(service.pool).look())
            #expect(try await service.restore(kept) == 200)
            #expect(try await service.upload("lost.txt").status == 201)
            _ = try await service.pool.query(Self.write)
            #expect(try await !world.watch(service.pool).look(), "a restart is none")
        }
        try await cluster.stop("fast")
        try await cluster.putBack(copy)
        try await cluster.start()
        _ = try await world.serve(cluster) { try await notice(kept, world, $0) }
    }

    private func notice(_ kept: String, _ world: RestoredWorld, _ service: ServiceUnderTest) async throws {
        #expect(try await service.state(of: kept) == "DELETED")
        // Nobody has looked at what has started, though the copy is not a minute old: until then nothing is destroyed.
        #expect(try await SafeMode.isOn(on: service.pool))
        try await service.letTimePass()
        try await service.expectNothingOrdered()
        // Whoever looks at identity and epoch alone finds nothing.
        #expect(try await !world.watch(service.pool, service: "another").look())
        #expect(try await !SafeMode.isOn(on: service.pool))
        #expect(try await world.watch(service.pool).look())
        let stay = try #require(try await SafeMode.standing(on: service.pool).stay)
        #expect(stay.cause.contains("an earlier copy of its disk was put back"), "\(stay.cause)")
        try await service.letTimePass()
        try await service.expectNothingOrdered()
        #expect(try await service.state(of: kept) == "DELETED")
        // The epoch that has begun has marks of its own.
        #expect(try await !world.watch(service.pool).look())
        #expect(try await service.leaveSafeMode())
        #expect(try await !world.watch(service.pool).look())
        #expect(try await !SafeMode.isOn(on: service.pool))
    }

    /// A process that goes on while the disk under the server is replaced needs no bucket to see it.
    @Test func byWhoHasSeenItFurther() async throws {
        try await RestoredWorld.with { world async throws in
            try await ThrowawayCluster.with { cluster async throws in
                _ = try await world.serve(cluster, isNew: true) { _ in }
                try await cluster.stop("fast")
                let copy = try await cluster.copyDisk()
                try await cluster.start()
                let pool = TestDatabase.makePool(cluster.settings)
                let watch = world.watch(pool, service: "another")
                _ = try await pool.query(Self.write)
                #expect(try await !watch.look())
                try await cluster.stop("fast")
                try await cluster.putBack(copy)
                try await cluster.start()
                try await eventually("it is noticed") { (try? await watch.look(atMarks: false)) == true }
                await pool.close()
            }
        }
    }

    /// Not every harm can be seen: after `pg_resetwal` the log is longer, though commits are lost.
    @Test func anOperatorWhoKnowsBetterSwitchesItOn() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let world = RestoredWorld(bucket: service.bucket, store: service.store)
            let watch = world.watch(service.pool)
            #expect(try await !watch.look())
            _ = try await service.pool.execute("UPDATE incarnation SET identity = 'not believed'")
            #expect(try await SafeMode.isOn(on: service.pool), "at once")
            #expect(try await watch.look())
            let standing = try await SafeMode.standing(on: service.pool)
            #expect(standing.epoch == 1 && standing.stay?.was == "not believed")
            #expect(try await service.upload("a.txt").json["version"].number == (1 << 40) + 1)
            #expect(try await service.leaveSafeMode())
        }
    }
}
