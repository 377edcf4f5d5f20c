import Determinism
import HTTPServing
import ObjectStore
import PostgresClient

import struct FoundationEssentials.UUID

// How failures are answered, and nowhere else. The code is stable; the sentence says what was kept and what to do next.

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
        case .quotaExceeded:
            return Problem(
                .quotaExceeded,
                507,
                "The tenant's quota does not allow for so much more. Nothing was kept; files whose bytes are gone make room."
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
        case .unexpected: RequestRefusal.preconditionFailed.problem
        case .overtaken: KeyFailure.overtaken.problem
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

extension KeyFailure: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .reused:
            Problem(
                .idempotencyKeyReused,
                422,
                "This Idempotency-Key was sent with another request. Nothing was done; send a new request with a new key."
            )
        case .inUse(let pause): Self.inUse(after: pause)
        case .overtaken: Self.inUse(after: 1)
        case .unsettled:
            Problem(
                .outcomeUnknown,
                503,
                "The request may or may not have had its effect. Send it again with the same Idempotency-Key for its answer.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        case .database(let failure): Problem(database: failure)
        case .interrupted: .interrupted
        }
    }

    private static func inUse(after seconds: Int) -> Problem {
        Problem(
            .idempotencyKeyInUse,
            409,
            "A request with this Idempotency-Key is being served. Send the same request again for its answer.",
            isRetryable: true,
            retryAfterSeconds: seconds
        )
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
