import Digests
import Foundation
import ObjectStore
import PostgresClient
import ServiceParts
import Testing

@testable import UploadService

@Suite(
    "I38 a repair that cannot see everything, or sees another world, touches nothing",
    .timeLimit(.minutes(3))
)
struct RepairRefusalTests {
    private func expectNothing(_ plan: RepairPlan, _ object: OrphanSample, _ service: ServiceUnderTest)
        async throws
    {
        #expect(try await service.orders().isEmpty)
        #expect(try await service.store.head(object.key) != nil)
        #expect(try await service.items(of: plan.id).allSatisfy { $0.state == .planned })
    }

    private func expectRefusal(
        _ word: String,
        _ plan: RepairPlan,
        _ service: ServiceUnderTest
    ) async throws {
        do {
            _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: plan.hash.hex)
            Issue.record("it ran")
        } catch RepairFailure.refused(let refusal) { #expect(refusal.word == word) }
    }

    @Test(
        arguments: [
            ("UPDATE consistency_checks SET is_complete = false, is_consistent = false", "check_incomplete"),
            ("UPDATE consistency_checks SET state = 'FAILED'", "check_incomplete"),
            ("DELETE FROM consistency_checks", "check_incomplete"),
            ("UPDATE consistency_checks SET incarnation = '1/00000001'", "incarnation_changed"),
            ("UPDATE repair_plans SET incarnation = '1/00000001'", "incarnation_changed"),
            ("UPDATE incarnation SET epoch = epoch + 1", "incarnation_changed"),
        ] as [(Statement, String)]
    )
    func anotherStateOfThingsIsRefused(_ change: Statement, _ word: String) async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, object) = try await service.plantRipeOrphan()
            let plan = try await service.plan(check)
            _ = try await service.pool.execute(change)
            try await expectRefusal(word, plan, service)
            try await expectNothing(plan, object, service)
        }
    }

    @Test("I40 a bucket without this deployment's mark is not touched") func anUnmarkedBucketIsRefused()
        async throws
    {
        try await ServiceUnderTest.withRepairs { service in
            let (check, object) = try await service.plantRipeOrphan()
            let plan = try await service.plan(check)
            for marker in try await service.store.list(
                prefix: BucketIdentity.prefix,
                startAfter: nil,
                continuationToken: nil,
                limit: 10
            ).objects { try await service.store.delete(marker.key) }
            try await expectRefusal("foreign_bucket", plan, service)
            try await expectNothing(plan, object, service)
        }
    }

    /// A look that fails is no look: the plan stops where it is, and goes on later.
    @Test(arguments: [
        #""method":"HEAD","action":"answer","status":403"#,
        #""method":"HEAD","action":"answer","status":500"#,
    ])
    func aStoreThatDoesNotAnswerStopsTheRun(_ rule: String) async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, object) = try await service.plantRipeOrphan()
            let plan = try await service.plan(check)
            try await service.bucket.strike("\(rule),\"keyPrefix\":\"\(object.key)\"")
            await #expect(throws: RepairFailure.self) {
                try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
            }
            #expect(try await service.orders().isEmpty)
            #expect(try await service.repairs.outcome(of: plan.id).plan.state == .stopped)
        }
    }

    @Test func twoRunsAtOnceAreOne() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let check = try await service.plantCheck()
            for number in 0..<20 {
                let object = try await service.plantObject("orphan \(number)")
                try await service.plantSightings(of: object)
                try await service.plantFinding(.orphanObject, of: object, in: check)
            }
            let plan = try await service.plan(check)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        _ = try? await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                    }
                }
            }
            #expect(try await service.orders().count == 20)
        }
    }
}
