import Determinism
import Foundation
import Logging
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import Testing

@testable import UploadService

@Suite("a survey takes no listing that lies for the whole bucket", .timeLimit(.minutes(2)))
struct LyingSurveyTests {
    private func survey(
        _ world: CheckWorld,
        _ list: ObjectListing.Lister?,
        store: S3Store? = nil
    ) async throws -> JSONValue {
        let store = store ?? world.service.store
        let survey = LossSurvey(
            pool: world.pool,
            store: store,
            bucket: BucketIdentity(store: store, pool: world.pool),
            indexer: nil,
            time: SystemTime(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            list: list,
            requestsPerSecond: 10_000
        )
        return JSONValue(Array(try await survey.report().utf8))
    }

    @Test(arguments: CheckTroubleTests.Lie.allCases)
    func whatIsNotSeenIsSaid(_ lie: CheckTroubleTests.Lie) async throws {
        try await CheckWorld.run { world in
            try await world.store(10)
            let report = try await survey(world, lie.lister(world.service.store))
            #expect(report["skipped"]["bucket"].text != nil, "\(lie)")
        }
    }

    @Test func anHonestListingIsBelieved() async throws {
        try await CheckWorld.run { world in
            try await world.store(10)
            try await world.put(CheckWorld.foreignKey(), "nobody's")
            let report = try await survey(world, nil)
            #expect(report["skipped"]["bucket"].text == nil)
            #expect(report["counts"]["unknown_object"].number == 1)
            #expect(report["losses"][0]["proposal"].text == "look")
        }
    }

    @Test func aListingWithoutTheMarkerIsOfAnotherBucket() async throws {
        try await CheckWorld.run { world in
            try await world.store(2)
            let honest = world.service.store.lister
            let report = try await survey(world) { startAfter, token throws(StoreFailure) in
                let page = try await honest(startAfter, token)
                let objects = page.objects.filter { !ObjectKeyForm.isMarker($0.key) }
                return ListPage(objects: objects, nextToken: page.nextToken)
            }
            #expect(report["skipped"]["bucket"].text?.contains("marker") == true)
        }
    }

    /// What was found before the bucket went is of nobody knows where.
    @Test func whatWasFoundInABucketThatIsNoLongerOursIsForgotten() async throws {
        try await CheckWorld.run { world in
            try await world.store(2)
            try await world.put(CheckWorld.foreignKey(), "nobody's")
            let store = world.service.store
            let report = try await survey(world) { startAfter, token throws(StoreFailure) in
                let page = try await store.lister(startAfter, token)
                for marker in page.objects where ObjectKeyForm.isMarker(marker.key) {
                    try await store.delete(marker.key, versionID: nil)
                }
                return page
            }
            #expect(report["skipped"]["bucket"].text != nil)
            #expect(report["counts"]["unknown_object"].number == 0)
        }
    }

    @Test func ofAnotherBucketNothingIsSaid() async throws {
        try await CheckWorld.run { world in
            try await world.store(2)
            try await TestBucket.with { _, other in
                _ = try await other.put(CheckWorld.foreignKey(), body: .bytes(.init(string: "theirs")))
                let report = try await survey(world, nil, store: other)
                #expect(report["skipped"]["bucket"].text != nil)
                #expect(report["counts"]["unknown_object"].number == 0)
            }
        }
    }
}
