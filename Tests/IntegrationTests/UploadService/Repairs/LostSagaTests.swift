import Determinism
import EventContracts
import Foundation
import NIOHTTP1
import PostgresClient
import SagaEngine
import TestSupport
import Testing

@testable import UploadService

@Suite("I11 a repair begins again what was owed and lost", .timeLimit(.minutes(3)))
struct LostSagaTests {
    private func run(
        _ kind: RepairKind,
        _ service: ServiceUnderTest,
        plant: (UUID) async throws -> Void
    ) async throws -> RepairOutcome {
        let check = try await service.plantCheck()
        try await plant(check)
        let plan = try await service.plan(check)
        return try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
    }

    private func sagas(_ service: ServiceUnderTest) async throws -> [String] {
        try await service.pool.query("SELECT kind FROM sagas ORDER BY kind").map { try $0.text(0) }
    }

    /// An upload that failed, and whose removal nobody asks for any more.
    private func doomed(_ service: ServiceUnderTest) async throws -> OrphanSample {
        let wrong = String(repeating: "0", count: 64)
        _ = try await service.upload("refused", fields: [("x-content-sha256", wrong)])
        try await eventually("doomed") { try await service.ledger.uploads() == ["refused FAILED"] }
        _ = try await service.pool.execute("DELETE FROM sagas")
        let row = try #require(try await service.pool.query("SELECT object_key FROM uploads").first)
        return try await service.plantObject(key: try row.text(0))
    }

    @Test func theRemovalOfADoomedUploadIsOrderedAgain() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let object = try await doomed(service)
            let before = try await service.orders(["upload."]).count
            let outcome = try await run(.orphanObject, service) {
                try await service.plantFinding(.orphanObject, of: object, in: $0)
            }
            #expect(outcome.counts == ["DONE": 1])
            #expect(try await service.items(of: outcome.plan.id).first?.item.action == .discardAgain)
            #expect(try await sagas(service) == [ReapSaga.kind])
            let told = try await service.orders(["upload."])
            #expect(
                told.count == before + 1 && told.allSatisfy { $0 == told.first },
                "the same order, byte for byte"
            )
        }
    }

    @Test func aDoomedUploadThatIsStuckIsReaped() async throws {
        try await ServiceUnderTest.withRepairs { service in
            _ = try await doomed(service)
            let outcome = try await run(.stuckState, service) {
                try await service.plantUploadFinding(.stuckState, in: $0)
            }
            #expect(outcome.counts == ["DONE": 1])
            #expect(try await sagas(service) == [ReapSaga.kind])
            // There is one now: it is only made due.
            let again = try await run(.stuckState, service) {
                try await service.plantUploadFinding(.stuckState, in: $0)
            }
            #expect(again.counts == ["DONE": 1])
            #expect(try await sagas(service) == [ReapSaga.kind])
        }
    }

    @Test(arguments: ["DELETED", "PURGING", "PURGED", "AVAILABLE"])
    func aFileOnItsWayOutGoesOn(_ state: String) async throws {
        try await ServiceUnderTest.withRepairs({ $0.limits.removalPatience = .milliseconds(100) }) {
            service in
            let file = try await service.upload("a.txt")
            let id = try #require(UUID(uuidString: file.id))
            try await service.send(.DELETE, "\(ServiceUnderTest.files)/\(file.id)")
            _ = try await service.pool.execute("DELETE FROM sagas")
            _ = try await service.pool.execute(
                """
                UPDATE files SET state = $2, delete_after = CASE $2 WHEN 'AVAILABLE' THEN NULL ELSE clock_timestamp() END
                 WHERE id = $1
                """,
                id,
                state
            )
            let outcome = try await run(.stuckState, service) {
                try await service.plantFileFinding(.stuckState, of: file.id, in: $0)
            }
            let isOwed = state == "DELETED" || state == "PURGING"
            #expect(outcome.counts == [isOwed ? "DONE" : "SKIPPED": 1])
            guard isOwed else { return }
            // The worker drives it to where the cleanup consumer has to answer.
            try await eventually("ordered") {
                try await service.orders(["file.purging"]).count > 1
            }
            #expect(try await service.state(of: id) == "PURGING")
            let failures = try await service.pool.query("SELECT 1 FROM sagas WHERE attempts > 0")
            #expect(failures.isEmpty)
        }
    }

    @Test func aCountThatDriftedIsMadeAnew() async throws {
        try await ServiceUnderTest.withRepairs { service in
            _ = try await service.upload("a.txt", Array(repeating: 1, count: 300))
            _ = try await QuotaActions(pool: service.pool).set("acme", byteLimit: 1_000, by: "ops/root")
            _ = try await service.pool.execute("UPDATE quotas SET used_bytes = 7")
            let outcome = try await run(.quotaDrift, service) {
                try await service.plantTenantFinding(.quotaDrift, "acme", in: $0)
            }
            #expect(outcome.counts == ["DONE": 1])
            #expect(try await QuotaStore.find("acme", on: service.pool)?.usedBytes == 300)
            let item = try #require(try await service.items(of: outcome.plan.id).first)
            #expect(item.item.action == .recount && item.outcome == "charged for 7 bytes before, 300 now")
            let again = try await run(.quotaDrift, service) {
                try await service.plantTenantFinding(.quotaDrift, "acme", in: $0)
            }
            #expect(again.counts == ["SKIPPED": 1])
        }
    }
}

extension ServiceUnderTest {
    /// Of the only upload there is.
    fileprivate func plantUploadFinding(_ kind: RepairKind, in check: UUID) async throws {
        _ = try await pool.execute(
            """
            INSERT INTO consistency_findings (check_id, kind, subject, upload_id, file_id, tenant, object_key, row_state, detail)
            SELECT $1, $2, id::text, id, file_id, tenant, object_key, state, 'planted' FROM uploads
            """,
            check,
            kind.rawValue
        )
    }

    fileprivate func plantTenantFinding(_ kind: RepairKind, _ tenant: String, in check: UUID) async throws {
        _ = try await pool.execute(
            """
            INSERT INTO consistency_findings (check_id, kind, subject, tenant, detail) VALUES ($1, $2, $3, $3, 'planted')
            """,
            check,
            kind.rawValue,
            tenant
        )
    }
}
