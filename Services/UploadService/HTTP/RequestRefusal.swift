import Determinism
import HTTPServing
import Hummingbird

import struct FoundationEssentials.UUID

/// What is wrong with a request before anything is done about it.
enum RequestRefusal: Error, Equatable, Sendable {
    case digest(String)
    case body(String)
    case idempotencyKey
    case noFile
    case lengthMissing
    case contentEncoding
    case preconditionFailed
    case rangeNotSatisfiable(size: Int64)
    /// An item of a list that came after a failure which would have met it too.
    case notTried
}

extension RequestRefusal: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .digest(let problem): Problem(.invalidDigest, 400, "\(problem) Nothing was stored.")
        case .body(let problem): Problem(.invalidBody, 400, "The request body \(problem).")
        case .idempotencyKey:
            Problem(
                .invalidIdempotencyKey,
                400,
                "An Idempotency-Key is one field with 1 to \(IdempotencyKey.byteLimit) visible ASCII characters, in quotes or without. Nothing was done."
            )
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

extension QueryItems {
    /// Where a list goes on.
    func cursor() throws(Problem) -> UUID? {
        guard let text = try text("cursor") else { return nil }
        guard let id = UUID(text: text) else {
            throw refusal("cursor", "must be the next_cursor of an earlier page")
        }
        return id
    }

    /// - Parameter known: the names this path takes.
    init(of request: Request, known: Set<String>) throws(Problem) {
        try self.init(request.uri.query, known: known, code: ErrorCode.invalidParameter.rawValue)
    }
}
