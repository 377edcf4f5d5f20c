import AsyncHTTPClient
import Determinism
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

/// The list of a survey has an end, here after the second object; what was lost has none.
@Suite("all that was lost can be adopted, however much it is", .timeLimit(.minutes(3)))
struct PagedAdoptionTests {
    private static let listLimit = 2

    private struct Lost: Sendable {
        let id: UUID
        let key: String
    }

    /// So many files whose rows are gone, in the order of their keys; safe mode is on.
    private func lose(_ count: Int, _ service: ServiceUnderTest, _ rig: TrashRig) async throws -> [Lost] {
        var lost: [Lost] = []
        for number in 0..<count {
            let file = try await service.upload("lost \(number).txt", Array("bytes \(number)".utf8))
            #expect(file.status == 201)
            let id = try #require(UUID(uuidString: file.id))
            let row = try #require(
                try await service.pool.query("SELECT object_key FROM files WHERE id = $1", id).first
            )
            lost.append(Lost(id: id, key: try row.text(0)))
        }
        try await rig.apply(try await service.orders(["file."]))
        for file in lost { try await service.loseRows(of: file.id) }
        let world = RestoredWorld(bucket: service.bucket, store: service.store)
        try await world.marks(service.pool).begin(1)
        #expect(try await world.watch(service.pool).look())
        return lost.sorted { $0.key < $1.key }
    }

    private func survey(_ service: ServiceUnderTest) async throws {
        try await LossSurvey(
            pool: service.pool,
            store: service.store,
            bucket: BucketIdentity(store: service.store, pool: service.pool),
            indexer: nil,
            time: SystemTime(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            requestsPerSecond: 10_000,
            listLimit: Self.listLimit
        ).surveyIfMissing()
    }

    private func stay(_ service: ServiceUnderTest) async throws -> SafeMode.Stay {
        try #require(try await SafeMode.standing(on: service.pool).stay)
    }

    private func plan(_ service: ServiceUnderTest, _ keys: String = "") async throws -> Answer {
        try await service.send(
            .POST,
            "/api/v1/repairs",
            as: ServiceUnderTest.root,
            body: .bytes(ByteBuffer(string: #"{"safe_mode":true,"reason":"restored"\#(keys)}"#))
        )
    }

    private func run(_ planned: Answer, _ service: ServiceUnderTest, _ rig: TrashRig) async throws -> [String:
        Int64]
    {
        let id = try #require(UUID(uuidString: planned.id))
        return try await service.asking(rig).run(id, by: "ops/root", confirm: nil).counts
    }

    @Test func planAfterPlan() async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            try await TrashRig.with(service.store) { rig in
                let lost = try await lose(6, service, rig)
                // The first of the list can never be adopted: its bytes are others.
                let metadata = try #require(try await service.store.head(lost[0].key)).metadata
                _ = try await service.store.put(
                    lost[0].key,
                    body: .bytes(ByteBuffer(string: "other 0")),
                    contentType: nil,
                    metadata: metadata,
                    ifNoneMatchAny: false
                )
                var sizes: [Int] = []
                while sizes.last != 0, sizes.count < 6 {
                    try await survey(service)
                    let planned = try await plan(service)
                    #expect(planned.status == 201, "\(planned.text)")
                    sizes.append(planned.json["item_count"].number ?? -1)
                    let counts = try await run(planned, service, rig)
                    #expect(counts["WAITING"] == nil, "\(counts)")
                }
                #expect(sizes == [2, 2, 2, 0])
                for file in lost.dropFirst() {
                    #expect(try await service.state(of: file.id.text) == "AVAILABLE")
                }
                let stay = try await stay(service)
                #expect(stay.survey?.contains(#""list_full": false"#) == true)
                let report = JSONValue(Array((stay.survey ?? "").utf8))
                #expect(report["counts"]["unknown_object"].number == 1)
                #expect(report["losses"][0]["proposal"].text == "look", "tried, and left to a person")
            }
        }
    }

    /// While nobody could tell whose the objects are they were not tried: a plan taken back must not take them off the list.
    @Test func whatWasUndoneIsProposedAgain() async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            try await TrashRig.with(service.store) { rig in
                let lost = try await lose(2, service, rig)
                try await survey(service)
                let planned = try await plan(service)
                let id = try #require(UUID(uuidString: planned.id))
                let outcome = try await service.repairs.run(id, by: "ops/root", confirm: nil)
                #expect(outcome.counts == ["WAITING": 2])
                _ = try await service.repairs.undo(id, by: "ops/root")
                try await survey(service)
                #expect(try await run(try await plan(service), service, rig) == ["DONE": 2])
                for file in lost { #expect(try await service.state(of: file.id.text) == "AVAILABLE") }
            }
        }
    }

    @Test func byName() async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            try await TrashRig.with(service.store) { rig in
                let lost = try await lose(4, service, rig)
                try await survey(service)
                #expect(try await stay(service).survey?.contains(#""list_full": true"#) == true)
                let named = #","object_keys":["\#(lost[3].key)","\#(lost[0].key)","\#(lost[3].key)"]"#
                let planned = try await plan(service, named)
                #expect(planned.json["item_count"].number == 2, "\(planned.text)")
                #expect(try await run(planned, service, rig) == ["DONE": 2])
                #expect(try await service.state(of: lost[3].id.text) == "AVAILABLE")
                #expect(try await service.state(of: lost[1].id.text) == "none")
                for word in [".waybill/deployment/x", "x"] {
                    #expect(try await plan(service, #","object_keys":["\#(word)"]"#).status == 400)
                }
            }
        }
    }
}
