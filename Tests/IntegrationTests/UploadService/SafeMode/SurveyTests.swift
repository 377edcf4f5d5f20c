import Determinism
import Foundation
import Logging
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

@Suite("what could not be surveyed is tried again", .timeLimit(.minutes(2)))
struct SurveyTests {
    private func survey(
        _ service: ServiceUnderTest,
        indexer: IndexerClient?,
        later: Duration = .zero
    ) async throws -> SafeMode.Stay? {
        let survey = LossSurvey(
            pool: service.pool,
            store: service.store,
            bucket: BucketIdentity(store: service.store, pool: service.pool),
            indexer: indexer,
            time: AheadTime(offset: later),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await survey.surveyIfMissing()
        return try await SafeMode.standing(on: service.pool).stay
    }

    @Test func untilItIsComplete() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let world = RestoredWorld(bucket: service.bucket, store: service.store)
            try await world.marks(service.pool).begin(1)
            #expect(try await world.watch(service.pool).look())
            // Nobody listens there.
            let away = IndexerClient(
                IndexerClient.Settings(url: "http://127.0.0.1:9", token: Secret("wb_x"))
            )
            let first = try #require(try await survey(service, indexer: away))
            #expect(try #require(SurveyFacts(first)).skipped.keys.sorted() == ["index"])
            let second = try await survey(service, indexer: away)
            #expect(second == first, "not at once")
            let third = try #require(try await survey(service, indexer: away, later: LossSurvey.pause * 2))
            #expect(third.surveyedAt ?? first.enteredAt > first.surveyedAt ?? first.enteredAt)
            await away.shutdown()
            let fourth = try await survey(service, indexer: nil, later: LossSurvey.pause * 4)
            #expect(fourth == third, "of an index that nobody knows nothing more is to be found out")
        }
    }
}
