import EventContracts
import Foundation
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("I38 an undo that cannot trust what it sees takes nothing back", .timeLimit(.minutes(2)))
struct UndoRefusalTests {
    /// A plan whose order is out.
    private func ordered(_ service: ServiceUnderTest) async throws -> RepairPlan {
        let (check, _) = try await service.plantRipeOrphan()
        let plan = try await service.plan(check)
        _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
        return plan
    }

    /// Its word; nil when it was undone after all.
    private func refusal(_ plan: RepairPlan, _ repairs: Repairs) async throws(RepairFailure) -> String? {
        do throws(RepairFailure) { _ = try await repairs.undo(plan.id, by: "ops/root") } catch {
            guard case .refused(let refusal) = error else { throw error }
            return refusal.word
        }
        return nil
    }

    private func expectRefusal(
        _ word: String,
        _ plan: RepairPlan,
        _ repairs: Repairs,
        _ service: ServiceUnderTest
    ) async throws {
        #expect(try await refusal(plan, repairs) == word)
        #expect(try await service.orders().count == 1)
        #expect(try await service.items(of: plan.id).map(\.state) == [.ordered])
        #expect(try await service.repairs.outcome(of: plan.id).plan.state == .running)
        #expect(try await service.records("repair.undo").isEmpty)
    }

    private static let enter: Statement =
        "INSERT INTO safe_mode (was, \"is\", cause) VALUES ('a', 'b', 'a test')"
    private static let leave: Statement =
        "UPDATE safe_mode SET left_at = clock_timestamp(), left_by = 'ops/root', reason = 'a test'"
    private static let fromAnother: Statement = "UPDATE repair_plans SET incarnation = '1/00000001'"

    @Test func safeMode() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let plan = try await ordered(service)
            _ = try await service.pool.execute(Self.enter)
            try await expectRefusal("safe_mode", plan, service.repairs, service)
            _ = try await service.pool.execute(Self.fromAnother)
            try await expectRefusal("incarnation_changed", plan, service.repairs, service)
            // An operator has looked at the database: what went to the trash before the failover can still come back.
            _ = try await service.pool.execute(Self.leave)
            #expect(try await service.repairs.undo(plan.id, by: "ops/root").counts == ["UNDOING": 1])
            #expect(try await service.orders().count == 2)
        }
    }

    /// The database is another one, and nobody has taken that in.
    @Test func anotherDatabase() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let plan = try await ordered(service)
            _ = try await service.pool.execute("UPDATE incarnation SET identity = 'another'")
            try await expectRefusal("safe_mode", plan, service.repairs, service)
        }
    }

    @Test(arguments: [-1, 1])
    func clocksThatDiffer(_ hours: Int) async throws {
        try await ServiceUnderTest.withRepairs { service in
            let plan = try await ordered(service)
            let repairs = service.repairs.with(
                age: .zero,
                objectAge: .zero,
                clockAhead: .seconds(hours * 3_600)
            )
            try await expectRefusal("clocks_differ", plan, repairs, service)
        }
    }
}

@Suite("I13 a repair tells only of what is still missed", .timeLimit(.minutes(2)))
struct GapRepairTests {
    private static let publish: Statement = "UPDATE files SET published_version = version"
    private static let moveOn: Statement = "UPDATE files SET version = version + 1"

    private func repair(_ check: UUID, _ service: ServiceUnderTest) async throws -> StoredRepairItem {
        let plan = try await service.plan(check)
        _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
        return try #require(try await service.items(of: plan.id).first)
    }

    @Test func theVersionThatWasMissedIsToldOnceMore() async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            let file = try await service.upload("a.txt")
            let check = try await service.plantCheck()
            try await service.plantFileFinding(.eventGap, of: file.id, in: check)
            #expect(try await repair(check, service).state == .done)
            let told = try await service.orders(["file."])
            #expect(told.count == 2 && told.first == told.last, "byte for byte")
            let record = try #require(try await service.records("repair.republish").first)
            #expect(record.before?["row_version"].text == "1" && record.after?["version"].text == "1")

            // It came to the topic meanwhile, or the file has moved on: nothing is to be told.
            _ = try await service.pool.execute(Self.publish)
            let published = try await repair(check, service)
            #expect(published.state == .skipped && published.outcome == "the version is on the topic")
            _ = try await service.pool.execute(Self.moveOn)
            let moved = try await repair(check, service)
            #expect(moved.state == .skipped && moved.outcome == "the file has moved on: version 2")
            #expect(try await service.orders(["file."]).count == 2)
        }
    }
}
