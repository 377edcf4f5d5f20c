import AsyncHTTPClient
import Determinism
import Digests
import EventContracts
import FaultPoints
import Foundation
import HTTPServing
import Logging
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceBootstrap
import ServiceParts
import Synchronization
import TestSupport
import Testing
import TransactionalOutbox

@testable import UploadService

/// Uploads whose object is there long before their row says so, under a cleanup that never rests and takes every object it
/// lists for an orphan that was seen for ever.
@Suite("I6 no cleanup, however eager, touches an upload under way", .timeLimit(.minutes(15)))
struct SlowUploadTests {
    private static var count: Int {
        ProcessInfo.processInfo.environment["WAYBILL_TEST_SLOW_UPLOADS"].flatMap(Int.init) ?? 12
    }

    @Test func noneIsDamaged() async throws {
        let damaged = try await damage { service, rig in
            let check = try await service.plantCheck(objects: 1_000_000)
            for object in try await Self.objects(service.store) {
                try? await service.plantSightings(of: object)
                try await service.plantFinding(.orphanObject, of: object, in: check)
            }
            let plan = try await service.plan(check)
            _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: plan.hash.hex)
            try await rig.apply(try await service.orders())
            try await rig.driveDue()
        }
        #expect(damaged == 0)
    }

    /// What the test above would find: the bucket minus the files of the table.
    @Test func theNaiveCleanupDamages() async throws {
        let damaged = try await damage { service, _ in
            for object in try await Self.objects(service.store) {
                let rows = try await service.pool.query(Self.file, object.key)
                if rows.isEmpty { try await service.store.delete(object.key) }
            }
        }
        #expect(damaged > 0)
    }

    /// - Returns: how many acknowledged files are not there afterwards.
    private func damage(
        _ clean: @escaping @Sendable (ServiceUnderTest, TrashRig) async throws -> Void
    ) async throws -> Int {
        let damaged = Mutex(0)
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                try await service.bucket.strike(
                    #""method":"PUT","keyPrefix":"acme/","action":"delayAnswer","milliseconds":400"#
                )
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        while !Task.isCancelled {
                            do { try await clean(service, rig) } catch {
                                if Task.isCancelled { return }
                                throw error
                            }
                        }
                    }
                    for round in 0..<(Self.count / 4) {
                        try await withThrowingTaskGroup(of: Int.self) { uploads in
                            for number in 0..<4 {
                                uploads.addTask { try await service.upload("f\(round)-\(number)").status }
                            }
                            for try await status in uploads { #expect(status == 201) }
                        }
                    }
                    group.cancelAll()
                    try await group.waitForAll()
                }
                for row in try await service.pool.query(Self.available)
                where try await service.store.head(try row.text(0)) == nil { damaged.withLock { $0 += 1 } }
            }
        }
        return damaged.withLock { $0 }
    }

    private static func objects(_ store: S3Store) async throws -> [OrphanSample] {
        try await store.list(prefix: "acme/", startAfter: nil, continuationToken: nil, limit: 1_000).objects
            .map { OrphanSample(key: $0.key, size: $0.size, etag: $0.etag) }
    }

    private static let file: Statement = "SELECT 1 FROM files WHERE object_key = $1"
    private static let available: Statement = "SELECT object_key FROM files WHERE state = 'AVAILABLE'"
}
