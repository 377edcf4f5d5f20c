import Digests
import Foundation
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

/// From a listing that lies over the check and the plan to the run.
@Suite("I38 a listing that lies takes nothing away in the end", .timeLimit(.minutes(4)))
struct BelievedLieTests {
    typealias Lie = CheckTroubleTests.Lie

    @Test(arguments: [Lie.empty, .endsEarly, .failsLater, .forbidden, .leavesOut])
    func nothingGoes(_ lie: Lie) async throws {
        try await CheckWorld.run({ $0.limits.quarantineAge = .zero }) { world in
            let service = world.service
            let files = try await world.store(10)
            let list = lie.lister(service.store)
            let (report, findings) = try await world.check(list: list)
            #expect(!report.isComplete && findings.isEmpty)
            let body = #"{"dry_run":false,"check_id":"\#(report.id)","reason":"a test"}"#
            for scope in ["orphaned-files", "orphaned-records", "full"] {
                let answer = try await service.clean(scope, body)
                #expect(answer.status == 409 && answer.json["refusal"].text == "check_incomplete")
            }

            // Whoever takes the listing for the truth, in a check that says it is complete, still has the run against him.
            let listed = await Self.believed(list)
            let missing = files.filter { !listed.contains($0.key) }
            #expect(!missing.isEmpty)
            let check = try await service.plantCheck()
            for file in missing { try await service.plantFileFinding(.missingObject, of: file.id, in: check) }
            for action in [RepairAction.remove, .markLost] {
                let plan = try await service.repairs.plan(
                    check: check,
                    scope: .full,
                    by: "ops/root",
                    reason: "a test",
                    policy: [.missingObject: action]
                )
                let outcome = try await service.repairs.run(plan.id, by: "ops/root", confirm: plan.hash.hex)
                #expect(outcome.counts == ["SKIPPED": Int64(missing.count)])
            }
            #expect(try await service.orders().isEmpty)
            #expect(try await Self.availableCount(service) == files.count)
            for file in files { #expect(try await service.store.head(file.key) != nil) }

            // The naive run, which does what its plan says, takes them away.
            for file in missing { #expect(try await service.delete(file.id) == 200) }
            #expect(try await Self.availableCount(service) == files.count - missing.count)
        }
    }

    /// What a listing shows until it ends, or fails.
    private static func believed(_ list: ObjectListing.Lister) async -> Set<String> {
        var keys: Set<String> = []
        var token: String?
        repeat {
            guard let page = try? await list(nil, token) else { break }
            keys.formUnion(page.objects.map(\.key))
            token = page.nextToken
        } while token != nil
        return keys
    }

    private static func availableCount(_ service: ServiceUnderTest) async throws -> Int {
        try await service.pool.query("SELECT 1 FROM files WHERE state = 'AVAILABLE'").count
    }
}
