import AsyncHTTPClient
import Determinism
import FaultPoints
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import Testing

@testable import UploadService

@Suite(
    "I29 a repair that is asked for twice with one key is made, run and undone once",
    .timeLimit(.minutes(3))
)
struct RepairKeyTests {
    private func post(
        _ path: String,
        _ body: String,
        key: String?,
        _ service: ServiceUnderTest
    ) async throws -> Answer {
        try await service.send(
            .POST,
            path,
            as: ServiceUnderTest.root,
            fields: key.map { [("idempotency-key", $0)] } ?? [],
            body: .bytes(ByteBuffer(string: body))
        )
    }

    private static let cleanup = "/api/v1/uploads/cleanup/full"

    @Test func aPlanIsMadeOnce() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, _) = try await service.plantRipeOrphan()
            for (path, body) in [
                (
                    Self.cleanup,
                    #"{"reason":"look","policy":{"orphan_object":"leave","missing_object":"leave"}}"#
                ),
                ("/api/v1/repairs", #"{"reason":"look","check_id":"\#(check)","kinds":["orphan_object"]}"#),
            ] {
                let count = try await service.repairCount()
                let first = try await post(path, body, key: path, service)
                let again = try await post(path, body, key: path, service)
                #expect(first.status == 201 && again.status == 201, "\(first.text)")
                #expect(first.text == again.text)
                #expect(again.fields.first(name: "idempotency-replayed") == "true")
                #expect(again.fields.first(name: "location") == first.fields.first(name: "location"))
                #expect(try await service.repairCount() == count + 1)
                let other = try await post(path, body.replacing("look", with: "see"), key: path, service)
                #expect(other.status == 422 && other.code == "IDEMPOTENCY_KEY_REUSED")
                // Without a key each request is one of its own.
                _ = try await post(path, body, key: nil, service)
                #expect(try await service.repairCount() == count + 2)
            }
        }
    }

    @Test func aRunAndAnUndoAreOnce() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (_, object) = try await service.plantRipeOrphan()
            let body = #"{"reason":"go","dry_run":false}"#
            let first = try await post(Self.cleanup, body, key: "k", service)
            let again = try await post(Self.cleanup, body, key: "k", service)
            #expect(first.status == 200 && first.text == again.text, "\(first.text)")
            #expect(try await service.repairCount() == 1)
            #expect(try await service.orders().count == 1)
            let id = try #require(first.json["id"].text)
            for _ in 0..<2 {
                let run = try await post("/api/v1/repairs/\(id)/run", "{}", key: "run", service)
                #expect(run.status == 200 && run.json["state"].text == "RUNNING", "\(run.text)")
            }
            let undo = try await post("/api/v1/repairs/\(id)/undo", "", key: "undo", service)
            #expect(undo.json["state"].text == "UNDOING")
            // The answer of before, although a run is out of the question now.
            let late = try await post("/api/v1/repairs/\(id)/run", "{}", key: "run", service)
            #expect(late.status == 200 && late.json["state"].text == "RUNNING")
            #expect(try await post("/api/v1/repairs/\(id)/undo", "", key: "undo", service).text == undo.text)
            #expect(try await service.orders().count == 2)
            #expect(try await service.store.head(object.key) != nil)
        }
    }

    #if DEBUG
        /// The plan is stored, its answer is; the process dies before the run's answer is. Sent again, the request goes on with that plan.
        @Test func aRequestThatWasCutOffGoesOnWithItsPlan() async throws {
            try await ServiceUnderTest.withRepairs({ options in
                options.faults = CrashOnce(at: .beforeKeyAnswered, mode: .throw)
                options.limits.sagaLease = .milliseconds(100)
            }) { service in
                _ = try await service.plantRipeOrphan()
                let body = #"{"reason":"go","dry_run":false}"#
                let first = try await post(Self.cleanup, body, key: "k", service)
                let again = try await post(Self.cleanup, body, key: "k", service)
                #expect(
                    again.status == 200 && again.json["id"].text == first.json["id"].text,
                    "\(again.text)"
                )
                #expect(try await service.repairCount() == 1)
                #expect(try await service.orders().count == 1)
            }
        }
    #endif

    @Test func whatFailsMayBeSentAgainWithItsKey() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let body = #"{"reason":"look"}"#
            #expect(try await post(Self.cleanup, body, key: "k", service).status == 409)
            _ = try await service.plantRipeOrphan()
            #expect(try await post(Self.cleanup, body, key: "k", service).status == 201)
        }
    }

    @Test(arguments: [
        #"{"reason":"x","kinds":["orphan_object"]}"#, #"{"reason":"x","safe_mode":true,"kinds":[]}"#,
        #"{"reason":"x","safe_mode":true,"action":"quarantine"}"#, #"{"reason":"x","object_keys":[]}"#,
        #"{"reason":"x"}"#, #"{"safe_mode":true}"#,
    ])
    func whatIsNotUnderstoodIsRefused(_ body: String) async throws {
        try await ServiceUnderTest.withRepairs { service in
            let answer = try await post("/api/v1/repairs", body, key: nil, service)
            #expect(answer.status == 400, "\(answer.text)")
        }
    }
}
