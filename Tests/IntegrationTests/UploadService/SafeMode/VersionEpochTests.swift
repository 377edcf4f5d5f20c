import EventContracts
import Foundation
import PostgresClient
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

@Suite("I20 versions rise, also across restores and failovers", .timeLimit(.minutes(3)))
struct VersionEpochTests {
    /// The newest version that was ever told of each file.
    private func newest(_ events: [FileEvent]) -> [UUID: Int64] {
        Dictionary(events.map { ($0.fileID, $0.version) }, uniquingKeysWith: max)
    }

    /// What `later` tells is newer than all of `earlier`, whatever file it is of, and told in order.
    private func expectRise(_ earlier: [FileEvent], _ later: [FileEvent]) {
        #expect(!later.isEmpty)
        var newest = newest(earlier)
        for event in later {
            #expect(event.version > newest[event.fileID] ?? 0, "\(event.fileID) \(event.version)")
            newest[event.fileID] = event.version
        }
    }

    @Test func aBackupLoadedTwiceGoesOnBehindEverythingThatWasTold() async throws {
        try await RestoredWorld.with { world async throws in
            try await world.withTwoClusters { try await loadTwice(world, $0, $1) }
        }
    }

    private func loadTwice(
        _ world: RestoredWorld,
        _ old: ThrowawayCluster,
        _ new: ThrowawayCluster
    ) async throws {
        let (past, first) = try await world.serve(old, isNew: true) { service async throws in
            let kept = try await service.upload("kept.txt").id
            let backup = try await old.dump()
            for _ in 0..<3 {
                #expect(try await service.delete(kept) == 200)
                #expect(try await service.restore(kept) == 200)
            }
            return (kept: kept, backup: backup)
        }
        #expect(newest(first).values.max() == 7)
        var told = first
        for epoch: Int64 in 1...2 {
            try await new.load(past.backup)
            let (_, events) = try await world.serve(new) { service async throws in
                try await goOn(past.kept, epoch, world, service)
            }
            let before = Set(told.map(\.version))
            let later = events.filter { !before.contains($0.version) }
            expectRise(told, later)
            #expect(later.allSatisfy { FileVersion.epoch(of: $0.version) == epoch })
            told += later
        }
    }

    private func goOn(
        _ kept: String,
        _ epoch: Int64,
        _ world: RestoredWorld,
        _ service: ServiceUnderTest
    ) async throws {
        // Nobody has looked yet: rather no version than one of a past that others remember.
        #expect(try await service.delete(kept) == 503)
        #expect(try await SafeMode.isOn(on: service.pool))
        #expect(try await world.watch(service.pool).look())
        #expect(try await !world.watch(service.pool).look(), "once is enough")
        #expect(try await SafeMode.standing(on: service.pool).epoch == epoch)
        #expect(try await service.delete(kept) == 200)
        #expect(try await service.restore(kept) == 200)
        let new = try await service.upload("new \(epoch).txt")
        #expect(new.status == 201)
        #expect(try await service.ledger.history(of: new.id) == ["file.stored.\(epoch << 40 + 1)"])
        #expect(try await service.ledger.history(of: kept).last == "file.restored.\(epoch << 40 + 3)")
    }

    @Test func aPromotionIsAnotherIncarnationARestartAndACrashAreNot() async throws {
        try await RestoredWorld.with { world async throws in
            try await ThrowawayCluster.with { try await restartAndFailOver(world, $0) }
        }
    }

    private func restartAndFailOver(_ world: RestoredWorld, _ cluster: ThrowawayCluster) async throws {
        let (id, _) = try await world.serve(cluster, isNew: true) { try await $0.upload("a").id }
        for (mode, version): (String, Int64) in [("fast", 3), ("immediate", 5)] {
            try await cluster.stop(mode)
            try await cluster.start()
            let (_, told) = try await world.serve(cluster) { service async throws in
                #expect(try await !world.watch(service.pool).look())
                #expect(try await !SafeMode.isOn(on: service.pool))
                #expect(try await service.delete(id) == 200)
                #expect(try await service.restore(id) == 200)
            }
            #expect(newest(told).values.max() == version)
        }
        try await cluster.failOver()
        let (_, told) = try await world.serve(cluster) { service async throws in
            #expect(try await SafeMode.isOn(on: service.pool))
            #expect(try await world.watch(service.pool).look())
            #expect(try await service.delete(id) == 200)
            #expect(try await service.leaveSafeMode())
            #expect(try await !SafeMode.isOn(on: service.pool))
            #expect(try await !world.watch(service.pool).look(), "it was left for good")
        }
        expectRise(Array(told.prefix(5)), Array(told.dropFirst(5)))
    }

    /// A copy of the disk that is put back has the identity it had; the bucket remembers what has begun since.
    @Test func aDatabaseThatKnowsNothingOfAnEpochIsFoundOut() async throws {
        try await RestoredWorld.with { world async throws in
            try await ThrowawayCluster.with { cluster async throws in
                _ = try await world.serve(cluster, isNew: true) { service async throws in
                    #expect(try await !world.watch(service.pool).look())
                    try await world.marks(service.pool).begin(12)
                    #expect(try await world.watch(service.pool).look())
                    #expect(try await SafeMode.standing(on: service.pool).epoch == 13)
                }
            }
        }
    }

    @Test func severalThatLookAtOnceBeginOneEpoch() async throws {
        try await RestoredWorld.with { world async throws in
            try await ThrowawayCluster.with { cluster async throws in
                _ = try await world.serve(cluster, isNew: true) { _ in }
                try await cluster.failOver()
                _ = try await world.serve(cluster) { try await lookAtOnce(world, $0.pool) }
            }
        }
    }

    private func lookAtOnce(_ world: RestoredWorld, _ pool: PostgresPool) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { try await lookUntilSettled(world.watch(pool)) }
            }
            try await group.waitForAll()
        }
        #expect(try await SafeMode.standing(on: pool).epoch == 1)
        #expect(try await world.marks(pool).newest() == 1)
    }

    private func lookUntilSettled(_ watch: IncarnationWatch) async throws {
        try await eventually("the identity is taken in") {
            do { _ = try await watch.look() } catch is IncarnationWatch.Busy { return false }
            return true
        }
    }
}
