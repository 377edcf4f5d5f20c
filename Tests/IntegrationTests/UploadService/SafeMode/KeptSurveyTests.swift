import PostgresClient
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

@Suite("I37 a survey is kept only of the database it was made of")
struct KeptSurveyTests {
    @Test func notAfterANewCause() async throws {
        try await ServiceUnderTest.run { service in
            _ = try await service.pool.execute(
                "INSERT INTO safe_mode (was, \"is\", cause) VALUES ('a', 'b', 'a test')"
            )
            let stay = try #require(try await SafeMode.standing(on: service.pool).stay)
            #expect(try await SafeMode.keepSurvey("{}", of: stay, on: service.pool))
            // Another promotion, while somebody still compares with what was there before it.
            _ = try await service.pool.execute("UPDATE incarnation SET epoch = epoch + 1")
            #expect(try await !SafeMode.keepSurvey("{}", of: stay, on: service.pool))
            let renewed = try #require(try await SafeMode.standing(on: service.pool).stay)
            #expect(try await SafeMode.keepSurvey("{}", of: renewed, on: service.pool))
        }
    }
}
