import Determinism
import HTTPServing
import ObjectStore
import PostgresClient

/// What database, store and connections do to a request.
extension Problem {
    static let busy = Problem(
        .serverBusy,
        503,
        "As many transfers are under way as this service can take. Nothing was sent or kept; send the request again.",
        isRetryable: true,
        retryAfterSeconds: 5
    )

    static let interrupted = Problem(
        .interrupted,
        503,
        "The transfer was interrupted on the server's side. Nothing was kept; send the file again.",
        isRetryable: true,
        retryAfterSeconds: 1
    )

    /// A request body that could not be read to its end.
    init(body reason: any Error) {
        self = (reason as? any ProblemConvertible)?.problem ?? .interrupted
        if self != .interrupted { detail += " Nothing of this file was kept." }
    }

    init(database failure: DatabaseError) {
        if case .cancelled = failure {
            self = .interrupted
        } else if failure.isTransient {
            self.init(
                .databaseUnavailable,
                503,
                "The database does not answer at the moment. Nothing was kept or changed; send the request again.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        } else {
            self = .internalError
        }
    }

    init(store failure: StoreFailure) {
        switch failure {
        case .unavailable(_, let pause):
            self = .storeUnavailable(after: pause)
        case .outcomeUnknown, .bodyFailed: self = .storeUnavailable(after: nil)
        case .cancelled: self = .interrupted
        case .refused(let status, _, _) where status == 507:
            self.init(
                .storeFull,
                507,
                "The object store has no room left. Nothing was kept; send the file again when there is room.",
                isRetryable: true,
                retryAfterSeconds: 60
            )
        case .notFound, .refused, .rangeNotSatisfiable, .preconditionFailed, .unexpectedAnswer:
            self.init(
                .storeRefused,
                502,
                "The object store refused the request. Nothing was kept or changed; an operator has to look into it."
            )
        }
    }

    private static func storeUnavailable(after pause: Duration?) -> Problem {
        Problem(
            .storeUnavailable,
            503,
            "The object store does not answer at the moment. Nothing was kept or changed; send the request again.",
            isRetryable: true,
            retryAfterSeconds: Int(clamping: max(1, min(pause?.components.seconds ?? 5, 3_600)))
        )
    }
}
