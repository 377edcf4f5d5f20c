import Determinism
import HTTPServing
import ObjectStore
import PostgresClient

import struct FoundationEssentials.UUID

/// The error codes of this service's own failures; openapi.yaml lists the same.
enum ErrorCode: String, CaseIterable, Sendable {
    case fileAlreadyExists = "FILE_ALREADY_EXISTS"
    case fileNotFound = "FILE_NOT_FOUND"
    case filePurged = "FILE_PURGED"
    case fileQuarantined = "FILE_QUARANTINED"
    case fileTooLarge = "FILE_TOO_LARGE"
    case digestMismatch = "DIGEST_MISMATCH"
    case sizeMismatch = "SIZE_MISMATCH"
    case invalidFileName = "INVALID_FILE_NAME"
    case invalidDigest = "INVALID_DIGEST"
    case invalidParameter = "INVALID_PARAMETER"
    case invalidBody = "INVALID_BODY"
    case noFile = "NO_FILE"
    case lengthRequired = "LENGTH_REQUIRED"
    case unsupportedEncoding = "UNSUPPORTED_ENCODING"
    case preconditionFailed = "PRECONDITION_FAILED"
    case rangeNotSatisfiable = "RANGE_NOT_SATISFIABLE"
    case notTried = "NOT_TRIED"
    case serverBusy = "SERVER_BUSY"
    case interrupted = "INTERRUPTED"
    case outcomeUnknown = "OUTCOME_UNKNOWN"
    case databaseUnavailable = "DATABASE_UNAVAILABLE"
    case storeUnavailable = "STORE_UNAVAILABLE"
    case storeRefused = "STORE_REFUSED"
    case storeFull = "STORE_FULL"
}

/// What is wrong with a request before anything is done about it.
enum RequestRefusal: Error, Equatable, Sendable {
    /// `problem` finishes the sentence that the parameter's name begins.
    case parameter(String, problem: String)
    case digest(String)
    case body(String)
    case noFile
    case lengthMissing
    case contentEncoding
    case preconditionFailed
    case rangeNotSatisfiable(size: Int64)
    /// An item of a list that came after a failure which would have met it too.
    case notTried
}

// From here on: the only place that knows how a failure is answered. The code is stable; the sentence says what was
// kept and what to do next.

extension UploadFailure: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .nameTaken(let name, let existing):
            return Problem(
                .fileAlreadyExists,
                409,
                "File already exists: \(name). Nothing of this upload was kept; choose another name, or delete that file first.",
                extensions: existing.map { ["existing_id": $0.text] } ?? [:]
            )
        case .nameTooLong: return FileNameRefusal.tooLongNormalized
        case .tooLarge(let limit):
            return Problem(
                .fileTooLarge,
                413,
                "The file is larger than the \(limit) bytes this service takes. Nothing was kept."
            )
        case .busy: return .busy
        case .digestMismatch(let declared, let actual):
            return Problem(
                .digestMismatch,
                422,
                "The SHA-256 of the bytes received is not the declared one. Nothing was kept; send the file again.",
                extensions: ["declared_sha256": declared, "received_sha256": actual]
            )
        case .sizeMismatch(let declared, let received):
            return Problem(
                .sizeMismatch,
                422,
                "\(declared) bytes were declared, but \(received) came. Nothing was kept; send the file again."
            )
        case .bodyFailed(let reason): return Problem(body: reason)
        case .store(let failure): return Problem(store: failure)
        case .database(let failure): return Problem(database: failure)
        case .outcomeUnknown(let file):
            return Problem(
                .outcomeUnknown,
                503,
                "The file with id \(file.text) may or may not exist: ask GET /api/v1/files/\(file.text) before sending it again.",
                retryAfterSeconds: 5,
                extensions: ["file_id": file.text]
            )
        case .lost: return .interrupted
        }
    }
}

extension FileFailure: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .notFound:
            // Must not tell an unknown file from another owner's.
            Problem(.fileNotFound, 404, "There is no such file.")
        case .quarantined:
            Problem(
                .fileQuarantined,
                409,
                "The file's bytes are not what was stored. They are kept for an operator, and not given out or restored."
            )
        case .purged: Problem(.filePurged, 410, "The file's bytes are gone for good: it cannot be restored.")
        case .nameTaken(let name):
            Problem(
                .fileAlreadyExists,
                409,
                "File already exists: \(name). The file stays in the trash; delete the other one first."
            )
        case .busy: .busy
        case .store(let failure): Problem(store: failure)
        case .database(let failure): Problem(database: failure)
        case .outcomeUnknown:
            Problem(
                .outcomeUnknown,
                503,
                "The change may or may not have been made. Send the request again: repeating it is safe.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        }
    }
}

extension FileNameRefusal: ProblemConvertible {
    var problem: Problem { Problem(.invalidFileName, 400, "\(description) Nothing was stored.") }

    fileprivate static var tooLongNormalized: Problem {
        Problem(
            .invalidFileName,
            400,
            "The file name has more than \(FileName.byteLimit) bytes of UTF-8 in Unicode normalization form C. Nothing was stored."
        )
    }
}

extension RequestRefusal: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .parameter(let name, let problem):
            Problem(.invalidParameter, 400, "The parameter \(name) \(problem).")
        case .digest(let problem): Problem(.invalidDigest, 400, "\(problem) Nothing was stored.")
        case .body(let problem): Problem(.invalidBody, 400, "The request body \(problem).")
        case .noFile:
            Problem(.noFile, 400, "The form has no file: a part with a filename. Nothing was stored.")
        case .lengthMissing:
            Problem(
                .lengthRequired,
                411,
                "The request has no body. Send Content-Length: 0 to store an empty file."
            )
        case .contentEncoding:
            Problem(
                .unsupportedEncoding,
                415,
                "Files are stored byte by byte as sent: send the body without Content-Encoding."
            )
        case .preconditionFailed:
            Problem(.preconditionFailed, 412, "The file is not as the request's conditions demand.")
        case .rangeNotSatisfiable(let size):
            Problem(
                .rangeNotSatisfiable,
                416,
                "The file has \(size) bytes; the range lies outside.",
                fields: ["Content-Range": ByteRangeRequest.unsatisfiedContentRange(size: size)]
            )
        case .notTried:
            Problem(
                .notTried,
                503,
                "Not tried, because an earlier item met a failure that would have met this one too. Send it again.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        }
    }
}

extension Problem {
    fileprivate init(
        _ code: ErrorCode,
        _ status: Int,
        _ detail: String,
        isRetryable: Bool = false,
        retryAfterSeconds: Int? = nil,
        fields: [String: String] = [:],
        extensions: [String: String] = [:]
    ) {
        self.init(
            status: status,
            code: code.rawValue,
            detail: detail,
            isRetryable: isRetryable,
            retryAfterSeconds: retryAfterSeconds,
            fields: fields,
            extensions: extensions
        )
    }

    fileprivate static let busy = Problem(
        .serverBusy,
        503,
        "As many transfers are under way as this service can take. Nothing was sent or kept; send the request again.",
        isRetryable: true,
        retryAfterSeconds: 5
    )

    fileprivate static let interrupted = Problem(
        .interrupted,
        503,
        "The transfer was interrupted on the server's side. Nothing was kept; send the file again.",
        isRetryable: true,
        retryAfterSeconds: 1
    )

    /// A request body that could not be read to its end.
    fileprivate init(body reason: any Error) {
        self = (reason as? any ProblemConvertible)?.problem ?? .interrupted
        if self != .interrupted { detail += " Nothing of this file was kept." }
    }

    fileprivate init(database failure: DatabaseError) {
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

    fileprivate init(store failure: StoreFailure) {
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
