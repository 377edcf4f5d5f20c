import Determinism
import HTTPServing
import ObjectStore
import PostgresClient

extension SessionFailure: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .notFound:
            // Must not tell an unknown session from another owner's.
            return Problem(.uploadNotFound, 404, "There is no such upload.")
        case .idTaken:
            return Problem(
                .uploadAlreadyExists,
                409,
                "The upload_id is in use for something else. Nothing was begun; choose another one."
            )
        case .planRefused(let reason): return Problem(plan: reason)
        case .checksumsUnchecked:
            return Problem(
                .invalidBody,
                400,
                "The store behind this service checks no checksum_algorithm; bind parts to their content_md5, or declare the file's sha256. Nothing was begun."
            )
        case .illegal(let state):
            return Problem(
                .invalidUploadState,
                409,
                "The upload is \(state.rawValue), where this cannot be done. Nothing was changed.",
                extensions: ["state": state.rawValue]
            )
        case .completing:
            return Problem(
                .uploadCompleting,
                409,
                "The parts of the upload are being put together. Nothing was changed; ask for it, or send the request again.",
                isRetryable: true,
                retryAfterSeconds: 1,
                extensions: ["state": UploadState.completing.rawValue]
            )
        case .nameTaken(let name, let existing):
            return Problem(
                .fileAlreadyExists,
                409,
                "File already exists: \(name). What the upload holds is kept; delete that file and send the request again, or choose another name.",
                extensions: ["existing_id": existing.text]
            )
        case .digestsDiffer:
            return Problem(
                .digestMismatch,
                422,
                "Another SHA-256 was declared for this upload before. What is there of it is kept as it was."
            )
        case .unfinished:
            return Problem(
                .uploadCompleting,
                503,
                "The parts are not put together yet; that goes on by itself. Ask for the upload, or send the request again.",
                isRetryable: true,
                retryAfterSeconds: 2
            )
        case .ended(let failure), .refused(let failure): return failure.problem
        case .busy: return .busy
        case .bodyFailed, .partDigestMismatch, .noSuchPart, .checksumKind, .partSizeMismatch, .partDiffers,
            .partArriving,
            .partsUnknown, .partsMissing, .partsWrong:
            return partProblem
        case .store(let failure): return Problem(store: failure).keepingSession
        case .database(let failure): return Problem(database: failure).keepingSession
        }
    }

    private var partProblem: Problem {
        switch self {
        case .noSuchPart(let count):
            return Problem(
                .invalidPartNumber,
                400,
                "The parts of this upload are numbered from 1 to \(count). Nothing was stored."
            )
        case .checksumKind(let kind):
            let rule =
                kind.map { "Each part of this upload needs its checksum_\($0.rawValue)." }
                ?? "The upload was opened without a checksum_algorithm, so a part can be bound to its content_md5 only."
            return Problem(.invalidBody, 400, rule)
        case .partSizeMismatch(let number, let expected, let received):
            return Problem(
                .sizeMismatch,
                422,
                "Part \(number) has \(expected) bytes, but \(received.map { "\($0)" } ?? "more") came. The part was not stored; send it again."
            )
        case .partDigestMismatch(let declared, let actual):
            return Problem(
                .digestMismatch,
                422,
                "The SHA-256 of the bytes received is not the declared one. The part was not stored; send it again.",
                extensions: ["declared_sha256": declared, "received_sha256": actual]
            )
        case .partDiffers(let number):
            return Problem(
                .partDiffers,
                409,
                "Part \(number) is stored already, with other bytes. They were kept, and these were not."
            )
        case .partArriving(let number):
            return Problem(
                .partInProgress,
                409,
                "Another request is sending part \(number). Nothing was changed; send the request again.",
                isRetryable: true,
                retryAfterSeconds: 2
            )
        case .partsUnknown:
            return Problem(
                .storeUnavailable,
                503,
                "The object store does not know the parts of this upload. When it still does not a little later, they have to be sent again; send the request again to find out.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        case .partsMissing(let numbers):
            return Problem(
                parts: .partsMissing,
                "Not all parts have come. The upload and its parts are kept; send the missing ones, then complete it again.",
                numbers
            )
        case .partsWrong(let numbers):
            return Problem(
                parts: .partsWrong,
                "Some parts are not what was announced. The upload and its other parts are kept; send these again, then complete it again.",
                numbers
            )
        case .bodyFailed(let reason):
            var problem = Problem(body: reason)
            problem.detail = problem.detail.replacing("file", with: "part")
            return problem
        default: return .internalError
        }
    }
}

extension Problem {
    fileprivate init(parts code: ErrorCode, _ detail: String, _ numbers: [Int]) {
        self.init(code, 422, detail)
        lists = ["part_numbers": Array(numbers.prefix(1_000))]
    }

    fileprivate init(plan refusal: PartPlan.Refusal) {
        switch refusal {
        case .negativeSize: self.init(.invalidBody, 400, "The size is negative. Nothing was begun.")
        case .objectTooLarge(let limit): self = UploadFailure.tooLarge(limit: limit).problem
        case .partSizeOutside(let range):
            self.init(
                .invalidPartSize,
                400,
                "A part has from \(range.lowerBound) to \(range.upperBound) bytes. Nothing was begun."
            )
        case .tooManyParts(let limit, let least):
            self.init(
                .invalidPartSize,
                400,
                "There would be more than \(limit) parts; they must have at least \(least) bytes. Nothing was begun."
            )
        }
    }

    /// What database or store did to a request ends no session.
    fileprivate var keepingSession: Problem {
        var problem = self
        problem.detail =
            isRetryable
            ? "\(title): the upload and its parts are kept; send the request again."
            : "\(title): the upload and its parts are kept; an operator has to look into it."
        return problem
    }

    private var title: String {
        switch ErrorCode(rawValue: code) {
        case .databaseUnavailable: "The database does not answer at the moment"
        case .storeUnavailable: "The object store does not answer at the moment"
        case .storeFull: "The object store has no room left"
        case .storeRefused: "The object store refused the request"
        default: "The request was interrupted on the server's side"
        }
    }
}
