import AccessTokens
import AsyncHTTPClient
import AuditTrail
import EventContracts
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import PostgresClient
import ServiceBootstrap
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

@Suite("safe mode is shown to operators, and left by them alone, with a reason", .timeLimit(.minutes(2)))
struct SafeModeRouteTests {
    private static let root = "wb_root"

    private func leave(_ service: ServiceUnderTest, _ body: String, as token: String) async throws -> Answer {
        try await service.send(
            .POST,
            "/\(SafeModeRoutes.path)/leave",
            as: token,
            body: .bytes(ByteBuffer(string: body))
        )
    }

    private func show(_ service: ServiceUnderTest) async throws -> Answer {
        try await service.send(.GET, "/\(SafeModeRoutes.path)", as: Self.root)
    }

    @Test func itsWholeStay() async throws {
        try await RestoredWorld.with { world in
            try await ThrowawayCluster.with { cluster in
                let (lost, _) = try await world.serve(cluster, isNew: true) { try await begin($0, cluster) }
                try await cluster.load(lost.backup)
                _ = try await world.serve(cluster) { try await stay(lost.key, world, $0) }
            }
        }
    }

    private func begin(
        _ service: ServiceUnderTest,
        _ cluster: ThrowawayCluster
    ) async throws -> (backup: String, key: String) {
        let off = try await show(service)
        #expect(off.status == 200 && off.text.contains("\"safe_mode\":false"), "\(off.text)")
        #expect(try await leave(service, #"{"reason":"no need"}"#, as: Self.root).status == 200, "it is off")
        let backup = try await cluster.dump()
        let id = try await service.upload("lost.txt").id
        return (backup, try await service.removedBytes(of: id).objectKey)
    }

    /// The file that was acknowledged after the backup is in the report, with what is to be done about it.
    private func stay(_ key: String, _ world: RestoredWorld, _ service: ServiceUnderTest) async throws {
        #expect(try await show(service).text.contains("\"safe_mode\":true"))
        #expect(try await leave(service, #"{"reason":"too early"}"#, as: Self.root).status == 503)
        #expect(try await world.watch(service.pool).look())
        let survey = LossSurvey(
            pool: service.pool,
            store: world.store,
            bucket: BucketIdentity(store: world.store, pool: service.pool),
            indexer: nil,
            time: SystemTime(),
            logger: .init(label: "test")
        )
        try await survey.surveyIfMissing()
        let shown = try await show(service).json
        #expect(shown["epoch"].number == 1)
        #expect(shown["survey"]["counts"]["unknown_object"].number == 1)
        let loss = shown["survey"]["losses"][0]
        #expect(loss["object_key"].text == key)
        #expect(loss["proposal"].text == "adopt")

        try await refuseToLeave(service)
        for (body, token, status) in [
            (#"{"reason":"mine"}"#, ServiceUnderTest.ann, 403), (#"{"reason":" "}"#, Self.root, 400),
            ("", Self.root, 400),
        ] {
            #expect(try await leave(service, body, as: token).status == status)
        }
        #expect(try await SafeMode.isOn(on: service.pool))
        let name = shown["incarnation"].text ?? ""
        let settled = #"{"reason":"looked at it","incarnation":"\#(name)","force":true}"#
        let left = try await leave(service, settled, as: Self.root)
        #expect(left.status == 200 && left.text.contains("\"safe_mode\":false"), "\(left.text)")
        #expect(try await !SafeMode.isOn(on: service.pool))
        let records = try await AuditTrail.records(on: service.pool)
        #expect(records.map(\.entry.action) == ["safe-mode.leave"])
        #expect(records.first?.entry.reason == "looked at it")
        #expect(records.first?.entry.after?.contains("forced") == true)
    }

    /// Who names another database than it is has not looked at it; and the index could not be compared.
    private func refuseToLeave(_ service: ServiceUnderTest) async throws {
        let name = try await show(service).json["incarnation"].text ?? ""
        for wrong in [#"{"reason":"r"}"#, #"{"reason":"r","incarnation":"\#(name)0","force":true}"#] {
            let answer = try await leave(service, wrong, as: Self.root)
            #expect(
                answer.status == 409 && answer.json["errorCode"].text == "SAFE_MODE_CHANGED",
                "\(answer.text)"
            )
        }
        let answer = try await leave(
            service,
            #"{"reason":"r","incarnation":"\#(name)"}"#,
            as: Self.root
        )
        #expect(
            answer.status == 409 && answer.json["errorCode"].text == "SAFE_MODE_UNSETTLED",
            "\(answer.text)"
        )
        #expect(answer.text.contains("WAYBILL_INDEXER_URL"))
    }
}
