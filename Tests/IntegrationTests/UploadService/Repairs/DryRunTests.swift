import AsyncHTTPClient
import Determinism
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("I44 a dry run changes nothing", .timeLimit(.minutes(3)))
struct DryRunTests {
    @Test func thePlanIsStoredAndNothingElseChanges() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let file = try await service.upload("here.txt")
            let (check, object) = try await service.plantRipeOrphan()
            try await service.plantFileFinding(.missingObject, of: file.id, in: check)
            let before = try await service.snapshot()
            for scope in ["orphaned-files", "orphaned-records", "full"] {
                let answer = try await service.clean(scope, #"{"reason":"look"}"#)
                #expect(answer.status == 201, "\(answer.text)")
                #expect(answer.json["state"].text == "PLANNED")
                let id = try #require(answer.json["id"].text)
                let shown = try await service.send(.GET, "/api/v1/repairs/\(id)", as: ServiceUnderTest.root)
                #expect(shown.json["hash"].text == answer.json["hash"].text)
                let items = try await service.send(
                    .GET,
                    "/api/v1/repairs/\(id)/items",
                    as: ServiceUnderTest.root
                )
                #expect(items.json["items"].items.count == (scope == "full" ? 2 : 1))
            }
            #expect(try await service.snapshot() == before)
            #expect(try await service.store.head(object.key) != nil)
        }
    }

    @Test func onlyOperatorsMayAsk() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, _) = try await service.plantRipeOrphan()
            for path in ["/api/v1/uploads/cleanup/full", "/api/v1/repairs", "/api/v1/repairs/\(check)/run"] {
                let answer = try await service.send(.POST, path, body: .bytes(ByteBuffer(string: "{}")))
                #expect(
                    answer.status == 403 && answer.code == "SUPERUSER_REQUIRED",
                    "\(path): \(answer.text)"
                )
            }
            #expect(try await service.send(.GET, "/api/v1/repairs").status == 403)
            #expect(try await service.send(.GET, "/api/v1/repairs", as: nil).status == 401)
        }
    }

    @Test(arguments: [
        "{}", #"{"reason":""}"#, #"{"reason":"x","dryrun":false}"#,
        #"{"reason":"x","policy":{"orphan_object":"remove"}}"#,
        #"{"reason":"x","policy":{"nonsense":"leave"}}"#, #"{"reason":"x","check_id":"1"}"#,
        #"{"reason":"x","dry_run":"no"}"#,
    ])
    func whatIsNotUnderstoodIsRefused(_ body: String) async throws {
        try await ServiceUnderTest.withRepairs { service in
            _ = try await service.plantRipeOrphan()
            #expect(try await service.clean("full", body).status == 400)
            #expect(try await service.repairCount() == 0)
        }
    }

    @Test func withoutACompleteCheckThereIsNoPlan() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let object = try await service.plantObject()
            let check = try await service.plantCheck(isComplete: false)
            try await service.plantFinding(.orphanObject, of: object, in: check)
            for body in [#"{"reason":"x"}"#, #"{"reason":"x","check_id":"\#(check)"}"#] {
                let answer = try await service.clean("full", body)
                #expect(answer.status == 409 && answer.json["refusal"].text == "check_incomplete")
            }
            let unknown = try await service.clean("full", #"{"reason":"x","check_id":"\#(UUID())"}"#)
            #expect(unknown.code == "CHECK_NOT_FOUND")
            #expect(try await service.repairCount() == 0)
        }
    }
}

extension ServiceUnderTest {
    func clean(_ scope: String, _ body: String) async throws -> Answer {
        try await send(
            .POST,
            "/api/v1/uploads/cleanup/\(scope)",
            as: Self.root,
            body: .bytes(ByteBuffer(string: body))
        )
    }

    func repairCount() async throws -> Int { try await pool.query(Self.repairCount).first?.int(0) ?? -1 }

    private static let repairCount: Statement = "SELECT count(*) FROM repair_plans"
}
