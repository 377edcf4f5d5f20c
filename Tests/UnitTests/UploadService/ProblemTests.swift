import EventContracts
import HTTPServing
import ObjectStore
import PostgresClient
import Testing

import struct FoundationEssentials.UUID

@testable import UploadService

@Suite struct UploadProblemTests {
    private static let lost = DatabaseError.connectionLost("gone")

    @Test(arguments: [
        (UploadFailure.nameTaken(name: "a", existing: nil), 409, false), (.nameTooLong, 400, false),
        (.tooLarge(limit: 1), 413, false), (.quotaExceeded, 507, false),
        (.digestMismatch(declared: "a", actual: "b"), 422, false),
        (.sizeMismatch(declared: 1, received: 2), 422, false),
        (.bodyFailed(RequestBodyFailure.stalled), 408, true),
        (.bodyFailed(RequestBodyFailure.disconnected), 400, true),
        (.bodyFailed(MultipartFailure.truncated), 400, true), (.bodyFailed(CancellationError()), 503, true),
        (.store(.unavailable(reason: "", retryAfter: nil)), 503, true),
        (.store(.outcomeUnknown(reason: "")), 503, true),
        (.store(.notFound(code: "NoSuchBucket")), 502, false),
        (.store(.refused(status: 403, code: "AccessDenied", message: "")), 502, false),
        (.store(.refused(status: 507, code: "Full", message: "")), 507, true),
        (.database(lost), 503, true), (.database(.unexpectedResult("")), 500, true),
        (.outcomeUnknown(file: UUID()), 503, false), (.lost, 503, true),
    ])
    func everyFailureHasItsAnswer(_ failure: UploadFailure, _ status: Int, _ isRetryable: Bool) {
        let problem = failure.problem
        #expect(problem.status == status)
        #expect(problem.isRetryable == isRetryable)
        if status == 503 { #expect(problem.retryAfterSeconds != nil) }
        #expect(problem.detail.hasSuffix("."))
    }

    @Test(arguments: [
        (FileFailure.notFound, 404), (.quarantined, 409), (.purged, 410), (.nameTaken("a"), 409),
        (.store(.unexpectedAnswer("")), 502), (.database(lost), 503), (.outcomeUnknown, 503),
    ])
    func everyFileFailureHasItsAnswer(_ failure: FileFailure, _ status: Int) {
        #expect(failure.problem.status == status)
    }

    @Test func aPauseTheStoreAskedForIsPassedOn() {
        let failure = UploadFailure.store(.unavailable(reason: "", retryAfter: .seconds(42)))
        #expect(failure.problem.retryAfterSeconds == 42)
    }

    @Test func whyAnUploadWasDoomedAlwaysFitsItsEvent() {
        let message = String(repeating: "é\n", count: 2_000)
        let failure = UploadFailure.store(.refused(status: 400, code: "Bad", message: message))
        #expect(failure.doom.reason.utf8.count <= EventLimits.reasonBytes)
        #expect(!failure.doom.reason.contains("\n"))
        #expect(UploadFailure.nameTaken(name: message, existing: nil).doom.reason.utf8.count < 100)
    }
}
