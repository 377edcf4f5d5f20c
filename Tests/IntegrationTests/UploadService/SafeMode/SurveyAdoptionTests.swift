import AccessTokens
import AsyncHTTPClient
import Determinism
import Digests
import EventContracts
import FaultPoints
import Foundation
import HTTPServing
import Logging
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceBootstrap
import ServiceParts
import TestSupport
import Testing
import TransactionalOutbox

@testable import UploadService

@Suite("I2 what a restored database has forgotten is adopted while safe mode is on", .timeLimit(.minutes(3)))
struct SurveyAdoptionTests {
    private struct Forgotten: Sendable {
        let backup: String
        /// Stored after the backup was made.
        let file: String
        /// Of a session that was open then, and was completed afterwards.
        let sessionFile: String
    }

    @Test func acknowledgedFilesAreBack() async throws {
        try await RestoredWorld.with { world in
            try await ThrowawayCluster.with { cluster in
                let (lost, told) = try await world.serve(cluster, isNew: true) { service in
                    let (session, opened) = try await SessionClient.open(
                        "session.txt",
                        10,
                        with: ["sha256": SessionClient.digest(Array("ten bytes!".utf8))],
                        on: service
                    )
                    #expect(opened.status == 201)
                    let backup = try await cluster.dump()
                    let file = try await service.upload("lost.txt").id
                    try await session.putAll(Array("ten bytes!".utf8))
                    let done = try await session.complete()
                    #expect(done.status == 200, "\(done.text)")
                    let sessionFile = try #require(opened.json["file_id"].text)
                    return Forgotten(backup: backup, file: file, sessionFile: sessionFile)
                }
                try await cluster.load(lost.backup)
                _ = try await world.serve(cluster) { service in
                    try await TrashRig.with(service.store) { rig in
                        try await rig.apply(told.filter { $0.type.rawValue.hasPrefix("file.") })
                        try await adopt(lost, service, rig, world)
                    }
                }
            }
        }
    }

    private func adopt(
        _ lost: Forgotten,
        _ service: ServiceUnderTest,
        _ rig: TrashRig,
        _ world: RestoredWorld
    ) async throws {
        let early = try await plan(service)
        #expect(early.status == 409 && early.json["refusal"].text == "no_survey", "\(early.text)")
        #expect(try await world.watch(service.pool).look())
        try await LossSurvey(
            pool: service.pool,
            store: world.store,
            bucket: BucketIdentity(store: world.store, pool: service.pool),
            indexer: nil,
            time: SystemTime(),
            logger: .init(label: "test")
        ).surveyIfMissing()

        let planned = try await plan(service)
        #expect(planned.status == 201 && planned.json["item_count"].number == 2, "\(planned.text)")
        #expect(planned.json["check_id"].text == nil && planned.json["harmful_items"].number == 0)
        let id = try #require(planned.json["id"].text.flatMap { UUID(uuidString: $0) })
        let outcome = try await service.asking(rig).run(id, by: "ops/root", confirm: nil)
        let outcomes = try await service.items(of: id).map(\.outcome)
        #expect(outcome.counts == ["DONE": 2], "\(outcomes)")
        #expect(try await SafeMode.isOn(on: service.pool))

        for (file, text) in [(lost.file, "hello\n"), (lost.sessionFile, "ten bytes!")] {
            let content = try await service.send(.GET, "\(ServiceUnderTest.files)/\(file)/content")
            #expect(content.status == 200 && content.text == text, "\(content.text)")
            let version = try await service.send(.GET, "\(ServiceUnderTest.files)/\(file)").json["version"]
            #expect(version.number.map { FileVersion.epoch(of: Int64($0)) } == 1)
        }
        // Nobody discards what has become a file.
        try await service.letTimePass()
        #expect(try await service.leaveSafeMode())
        #expect(try await service.pool.query("SELECT 1 FROM sagas").isEmpty)
        #expect(try await service.state(of: lost.sessionFile) == "AVAILABLE")
        #expect(try await world.keys().count == 2)

        // What had a row before keeps it; the other one's goes, and its object stays.
        let undone = try await service.repairs.undo(id, by: "ops/root")
        #expect(undone.counts == ["DONE": 1, "UNDONE": 1])
        #expect(try await service.state(of: lost.file) == "none")
        #expect(try await world.keys().count == 2)
    }

    private func plan(_ service: ServiceUnderTest) async throws -> Answer {
        try await service.send(
            .POST,
            "/api/v1/repairs",
            as: ServiceUnderTest.root,
            body: .bytes(ByteBuffer(string: #"{"safe_mode":true,"action":"adopt","reason":"restored"}"#))
        )
    }
}
