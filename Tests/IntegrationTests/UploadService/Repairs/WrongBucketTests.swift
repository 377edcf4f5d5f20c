import Digests
import EventContracts
import Foundation
import NIOCore
import ObjectStore
import PostgresClient
import ServiceParts
import Testing

@testable import UploadService

/// The service has been started with another's bucket, or with an empty one in the place of its own. Each time the same is done once more
/// in a bucket that somebody has marked without looking: what the mark saves goes.
@Suite("I40 in a bucket that is not ours nothing goes", .timeLimit(.minutes(3)))
struct WrongBucketTests {
    /// Takes the deployment's mark away.
    ///
    /// - Returns: what puts it there again.
    private func unmark(_ service: ServiceUnderTest) async throws -> @Sendable () async throws -> Void {
        let store = service.store
        let marks = try await store.list(
            prefix: BucketIdentity.prefix,
            startAfter: nil,
            continuationToken: nil,
            limit: 10
        ).objects.map(\.key)
        #expect(marks.count == 1)
        for mark in marks { try await store.delete(mark) }
        return { for mark in marks { _ = try await store.put(mark, body: .bytes(ByteBuffer())) } }
    }

    @Test func anothersObjectsStay() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let (check, object) = try await service.plantRipeOrphan("a file of another deployment")
                let plan = try await service.plan(check)
                let mark = try await unmark(service)
                await #expect(throws: RepairFailure.self) {
                    try await service.repairs.run(plan.id, by: "ops/root", confirm: plan.hash.hex)
                }
                #expect(try await service.orders().isEmpty)

                // Ordered all the same, the consumer does not do it.
                try await mark()
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                let orders = try await service.orders()
                #expect(orders.map(\.type) == [.objectQuarantined])
                let markAgain = try await unmark(service)
                try await rig.apply(orders)
                try await rig.driveDue()
                try await rig.driveDue()
                #expect(try await service.store.head(object.key) != nil)

                // The naive variant: nobody looks whose the bucket is.
                try await markAgain()
                try await rig.settle()
                #expect(try await service.store.head(object.key) == nil)
            }
        }
    }

    @Test func ourFilesStayWhileTheirBucketIsNotThere() async throws {
        try await CheckWorld.run { world in
            let (service, files) = (world.service, try await world.store(3))
            for file in files { try await service.store.delete(file.key) }
            let mark = try await unmark(service)
            let (report, findings) = try await world.check()
            #expect(!report.isComplete && findings.isEmpty)
            let refused = try await service.clean(
                "orphaned-records",
                #"{"dry_run":false,"check_id":"\#(report.id)","reason":"a test"}"#
            )
            #expect(refused.status == 409)
            #expect(try await available(service) == 3)

            // The naive variant: an empty bucket that bears the mark passes for ours that has lost everything.
            try await mark()
            let (_, lost) = try await world.check()
            #expect(lost.map(\.kind) == [.missingObject, .missingObject, .missingObject])
            let believed = try await service.plantCheck()
            for file in files {
                try await service.plantFileFinding(.missingObject, of: file.id, in: believed)
            }
            let taken = try await service.clean(
                "orphaned-records",
                #"{"dry_run":false,"check_id":"\#(believed)","reason":"a test"}"#
            )
            #expect(taken.status == 200, "\(taken.text)")
            #expect(try await available(service) == 0)
        }
    }

    private func available(_ service: ServiceUnderTest) async throws -> Int {
        try await service.pool.query("SELECT count(*) FROM files WHERE state = 'AVAILABLE'").only().int(0)
    }
}
