import Foundation
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("Consistency: what cannot be read whole is never found to be missing")
struct CheckTroubleTests {
    enum Lie: CaseIterable, Sendable {
        case empty, endsEarly, failsLater, forbidden, repeats, disorder, leavesOut

        func lister(_ store: S3Store) -> ObjectListing.Lister {
            { startAfter, token throws(StoreFailure) in
                let page = try await store.list(
                    prefix: "",
                    startAfter: startAfter,
                    continuationToken: token,
                    limit: 4
                )
                let isFirst = token == nil
                switch self {
                case .empty: return ListPage(objects: [], nextToken: nil)
                case .endsEarly: return ListPage(objects: page.objects, nextToken: nil)
                case .failsLater:
                    guard isFirst else { throw .unavailable(reason: "injected", retryAfter: nil) }
                    return page
                case .forbidden:
                    guard isFirst else {
                        throw .refused(status: 403, code: "AccessDenied", message: "injected")
                    }
                    return page
                case .repeats: return ListPage(objects: page.objects, nextToken: "again")
                case .disorder: return ListPage(objects: page.objects.reversed(), nextToken: page.nextToken)
                case .leavesOut:
                    let objects = page.objects.filter {
                        ObjectKeyForm.isReserved($0.key) || !$0.key.hasSuffix("1.1")
                    }
                    return ListPage(objects: Array(objects.dropLast()), nextToken: page.nextToken)
                }
            }
        }
    }

    @Test(arguments: Lie.allCases) func aListingThatCannotBeReliedOn(_ lie: Lie) async throws {
        try await CheckWorld.run { world in
            let files = try await world.store(10)
            let (report, findings) = try await world.check(list: lie.lister(world.service.store))
            #expect(findings.isEmpty, "\(lie): \(findings.map(\.detail))")
            #expect(!report.isComplete && !report.isConsistent)
            #expect(report.skipped.keys.contains { $0.hasPrefix("objects") }, "\(lie): \(report.skipped)")
            #expect(files.count == 10)
        }
    }

    @Test func anotherBucketEndsTheCheckWithoutFindings() async throws {
        try await CheckWorld.run { world in
            try await world.store(3)
            try await TestBucket.with { _, other in
                let (report, findings) = try await world.check(store: other)
                #expect(findings.isEmpty && !report.isComplete)
                #expect(report.skipped["surroundings"] != nil)
            }
        }
    }

    @Test func anotherIncarnationEndsTheCheckWithoutFindings() async throws {
        try await CheckWorld.run { world in
            try await world.service.store.delete(try await world.store(3)[0].key)
            let (report, findings) = try await world.check(incarnation: "another/00000001")
            #expect(findings.isEmpty && !report.isComplete && report.skipped["surroundings"] != nil)
        }
    }

    /// The first process dies while it lists; the second goes on from what was saved, and finds everything once.
    @Test func aCheckGoesOnAfterItsProcessDied() async throws {
        try await CheckWorld.run { world in
            let files = try await world.store(12)
            for file in files { try await world.service.store.delete(file.key) }
            let id = try await world.begin(CheckRequest(requestedBy: "test", digests: .none))
            // Cancelled while it lists, as by the end of its process.
            _ = try? await world.drive(world.tools { _, _ throws(StoreFailure) in throw .cancelled })
            let check = try #require(try await CheckStore.find(id, on: world.pool))
            #expect(check.state == .running && !check.progress.parts.isEmpty)
            let report = try await world.drive(world.tools())
            #expect(report.counts["missing_object"] == 12)
            #expect(try await world.findings(of: id).count == 12)
        }
    }
}
