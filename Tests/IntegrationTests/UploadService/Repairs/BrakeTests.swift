import AsyncHTTPClient
import Determinism
import Digests
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import Testing

@testable import UploadService

@Suite(
    "I39 one run takes away no more than the brake allows, unless a person confirms",
    .timeLimit(.minutes(3))
)
struct BrakeTests {
    private func plantMany(_ count: Int, in service: ServiceUnderTest) async throws -> UUID {
        let check = try await service.plantCheck()
        for number in 0..<count {
            let object = try await service.plantObject("orphan \(number)")
            try await service.plantSightings(of: object)
            try await service.plantFinding(.orphanObject, of: object, in: check)
        }
        return check
    }

    @Test func oneHundredAndOneNeedTheHash() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let check = try await plantMany(101, in: service)
            let plan = try await service.plan(check)
            let before = try await service.snapshot()
            let refused = try await service.clean("full", #"{"dry_run":false,"repair_id":"\#(plan.id)"}"#)
            #expect(refused.status == 409 && refused.code == "CONFIRMATION_REQUIRED", "\(refused.text)")
            #expect(refused.json["hash"].text == plan.hash.hex)
            let wrong = try await service.send(
                .POST,
                "/api/v1/repairs/\(plan.id)/run",
                as: ServiceUnderTest.root,
                body: .bytes(ByteBuffer(string: #"{"confirm":"\#(String(repeating: "0", count: 64))"}"#))
            )
            #expect(wrong.json["refusal"].text == "wrong_hash")
            let leases = "l\(Repairs.leaseName)"
            #expect(try await service.snapshot().filter { $0 != leases } == before.filter { $0 != leases })
            #expect(try await service.items(of: plan.id).allSatisfy { $0.state == .planned })

            let outcome = try await service.repairs.run(plan.id, by: "ops/root", confirm: plan.hash.hex)
            #expect(outcome.counts == ["ORDERED": 101] && outcome.plan.isConfirmed)
            #expect(try await service.orders().count == 101)
        }
    }

    @Test func oneHundredPass() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let plan = try await service.plan(try await plantMany(100, in: service))
            #expect(
                try await service.repairs.run(plan.id, by: "ops/root", confirm: nil).counts == [
                    "ORDERED": 100
                ]
            )
        }
    }

    /// Every one of these makes the stored plan another than the one that was hashed.
    @Test(
        arguments: [
            "UPDATE repair_items SET object_key = object_key || '0', subject = subject WHERE number = 1",
            "UPDATE repair_items SET action = 'leave'", "UPDATE repair_items SET etag = 'other'",
            "UPDATE repair_items SET size = 0", "DELETE FROM repair_items WHERE number = 1",
            "UPDATE repair_plans SET checked_count = 100000000", "UPDATE repair_plans SET harm_count = 0",
            "UPDATE repair_plans SET byte_count = 0", "UPDATE repair_plans SET reason = 'another'",
            """
            INSERT INTO repair_items (plan_id, number, finding_id, kind, action, subject, object_key)
            SELECT plan_id, 99, 99, kind, action, 'x', 'x' FROM repair_items WHERE number = 1
            """,
        ] as [Statement]
    )
    func anEditedPlanIsNotRun(_ edit: Statement) async throws {
        try await ServiceUnderTest.withRepairs { service in
            let plan = try await service.plan(try await plantMany(2, in: service))
            _ = try await service.pool.execute(edit)
            await #expect(throws: RepairFailure.self) {
                try await service.repairs.run(plan.id, by: "ops/root", confirm: plan.hash.hex)
            }
            #expect(try await service.orders().isEmpty)
        }
    }
}
