import Determinism
import Foundation
import HTTPServing
import Hummingbird
import Logging
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceLifecycle
import ServiceParts
import TestSupport
import Testing

@testable import IndexerService
@testable import UploadService

/// The database is as it was at the backup; the index, over its own routes, tells what became of its files since.
@Suite("the survey of a restored database asks the index too", .timeLimit(.minutes(2)))
struct IndexSurveyTests {
    private func survey(
        _ service: ServiceUnderTest,
        _ client: IndexerClient,
        leavingOut key: String? = nil
    ) async throws -> JSONValue {
        let honest = service.store.lister
        let survey = LossSurvey(
            pool: service.pool,
            store: service.store,
            bucket: BucketIdentity(store: service.store, pool: service.pool),
            indexer: client,
            time: SystemTime(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            list: { startAfter, token throws(StoreFailure) in
                let page = try await honest(startAfter, token)
                return ListPage(objects: page.objects.filter { $0.key != key }, nextToken: page.nextToken)
            },
            requestsPerSecond: 10_000
        )
        return JSONValue(Array(try await survey.report().utf8))
    }

    @Test func eachLossHasItsProposal() async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            try await TrashRig.with(service.store) { rig in
                let (story, keys) = try await story(service, rig)
                try await rig.serving { client in
                    let report = try await survey(service, client)
                    #expect(report["complete"].isTrue && report["skipped"]["bucket"].text == nil)
                    #expect(report["counts"]["unknown_file"].number == 3)
                    #expect(report["counts"]["older_row"].number == 2)
                    #expect(report["counts"]["unknown_object"].number == 2)
                    let told = report["losses"].items.filter { $0["kind"].text != "unknown_object" }
                    let proposals = Dictionary(
                        uniqueKeysWithValues: told.map { loss in
                            (loss["file_id"].text ?? "", loss["proposal"].text ?? "")
                        }
                    )
                    #expect(proposals == story)
                    let lost = told.first { $0["proposal"].text == "adopt" }
                    #expect(lost?["object_key"].text == keys["lost"])

                    // No row knows of the object: only the index tells that the listing lacks it.
                    let lie = try await survey(service, client, leavingOut: keys["lost"])
                    let reason = lie["skipped"]["bucket"].text ?? ""
                    #expect(reason.contains("left out \(keys["lost"] ?? "?")"), "\(reason)")
                }
            }
        }
    }

    /// - Returns: what is to be proposed for which file; the objects' keys by the files' names.
    private func story(
        _ service: ServiceUnderTest,
        _ rig: TrashRig
    ) async throws -> ([String: String], keys: [String: String]) {
        var ids: [String: String] = [:]
        for name in ["lost", "gone", "half", "restored", "deleted", "same"] {
            ids[name] = try await service.upload(name).id
        }
        let keys = Dictionary(
            uniqueKeysWithValues: try await service.pool.query("SELECT name, object_key FROM files").map {
                (try $0.text(0), try $0.text(1))
            }
        )
        for name in ["restored", "deleted"] { #expect(try await service.delete(ids[name] ?? "") == 200) }
        #expect(try await service.restore(ids["restored"] ?? "") == 200)
        try await rig.apply(try await service.orders(["file."]))

        for name in ["lost", "gone"] {
            try await service.loseRows(of: try #require(UUID(uuidString: ids[name] ?? "")))
        }
        try await service.store.delete(try #require(keys["gone"]))
        for statement in Self.backInTime { _ = try await service.pool.execute(statement) }
        let world = RestoredWorld(bucket: service.bucket, store: service.store)
        try await world.marks(service.pool).begin(1)
        #expect(try await world.watch(service.pool).look())
        let proposals = [
            "lost": "adopt", "gone": "look", "half": "complete", "restored": "restore", "deleted": "delete",
        ]
        return (
            Dictionary(uniqueKeysWithValues: proposals.map { (ids[$0.key] ?? "", $0.value) }), keys
        )
    }

    private static let backInTime: [Statement] = [
        "DELETE FROM files WHERE name = 'half'",
        "UPDATE uploads SET state = 'COMPLETING' WHERE name = 'half'",
        """
        UPDATE files SET state = 'DELETED', version = 2, delete_after = clock_timestamp() + interval '1 day'
         WHERE name = 'restored'
        """,
        "UPDATE files SET state = 'AVAILABLE', version = 1, delete_after = NULL WHERE name = 'deleted'",
    ]
}

extension JSONValue {
    fileprivate var isTrue: Bool { number == 1 }
}

extension TrashRig {
    /// Serves what the index holds, as IndexerService does, on a free port.
    func serving(_ body: (IndexerClient) async throws -> Void) async throws {
        let time = SystemTime()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let router = makeServiceRouter(time: time) { router in
            EntryRoutes(store: EntryStore(pool)).add(to: router.group("\(EntryRoutes.path)"))
        }
        let server = HTTPServer(
            HTTPServerSettings(limits: ConnectionLimits()),
            router: router,
            metrics: MetricsRegistry(),
            time: time,
            random: SystemRandom(),
            logger: logger
        )
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let port = try #require(await server.listeningPort())
            let client = IndexerClient(
                IndexerClient.Settings(url: "http://127.0.0.1:\(port)", token: Secret("wb_root"))
            )
            var failure: (any Error)?
            do { try await body(client) } catch { failure = error }
            await client.shutdown()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            if let failure { throw failure }
        }
    }
}
