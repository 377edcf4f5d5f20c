import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

extension Problem {
    /// What a client is told of an error nobody foresaw: nothing but that it happened.
    public static let internalError = Problem(
        status: 500,
        code: "INTERNAL",
        detail: "The server met an unexpected condition. The request id identifies it in the logs.",
        isRetryable: true
    )

    /// 401, with the challenge RFC 6750 asks for.
    public static func unauthorized(_ detail: String, error: String? = nil) -> Problem {
        let challenge = #"Bearer realm="waybill""# + (error.map { #", error="\#($0)""# } ?? "")
        return Problem(
            status: 401,
            code: "UNAUTHORIZED",
            detail: detail,
            fields: ["WWW-Authenticate": challenge]
        )
    }

    public static let forbidden = Problem(
        status: 403,
        code: "FORBIDDEN",
        detail: "The caller may not do this."
    )

    public static let superuserRequired = Problem(
        status: 403,
        code: "SUPERUSER_REQUIRED",
        detail: "This path is for operators: it needs a token with the role superuser."
    )

    static let routeUnknown = Problem(
        status: 404,
        code: "NOT_FOUND",
        detail: "There is nothing at this path."
    )

    static func methodNotAllowed(_ allowed: [String]) -> Problem {
        let list = allowed.joined(separator: ", ")
        return Problem(
            status: 405,
            code: "METHOD_NOT_ALLOWED",
            detail: "This path allows \(list).",
            fields: ["Allow": list]
        )
    }

    /// Everything a handler may throw.
    init(_ error: any Error) {
        switch error {
        case let known as any ProblemConvertible: self = known.problem
        case let http as HTTPError: self.init(http)
        case is NIOTooManyBytesError:
            self.init(
                status: 413,
                code: "CONTENT_TOO_LARGE",
                detail: "The request body is larger than this path takes."
            )
        case is CancellationError:
            self.init(
                status: 503,
                code: "SHUTTING_DOWN",
                detail: "The request was interrupted. Send it again.",
                isRetryable: true,
                retryAfterSeconds: 1
            )
        default: self = .internalError
        }
    }

    /// Errors of the framework: its decoding says 400, its router 404.
    private init(_ error: HTTPError) {
        guard error.status.code < 500 else {
            self = .internalError
            return
        }
        self.init(
            status: error.status.code,
            code: Self.code(for: error.status),
            detail: error.body ?? "\(Self.title(for: error.status.code))."
        )
    }

    /// The standard phrase of a status.
    static func title(for status: Int) -> String { HTTPResponseStatus(statusCode: status).reasonPhrase }

    /// `Not Found` becomes `NOT_FOUND`.
    static func code(for status: HTTPResponse.Status) -> String {
        let phrase = title(for: status.code)
        return String(phrase.uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }

    /// Nil when there is nobody left to answer.
    init?(connectionFailure error: any Error) {
        switch error {
        case ConnectionFailure.headTimedOut, ConnectionFailure.bodyStalled:
            self.init(
                status: 408,
                code: "REQUEST_TIMEOUT",
                detail: "The request did not arrive in time.",
                isRetryable: true
            )
        case ConnectionFailure.requestLineTooLong:
            self.init(status: 414, code: "URI_TOO_LONG", detail: "The request target is too long.")
        case ConnectionFailure.headTooLarge, HTTPParserError.headerOverflow:
            self.init(
                status: 431,
                code: "REQUEST_HEADER_FIELDS_TOO_LARGE",
                detail: "The header has too many or too long fields."
            )
        case ConnectionFailure.bodyUnreadable:
            self.init(
                status: 400,
                code: "MALFORMED_REQUEST",
                detail:
                    "Content-Length must be a number below 2^63, and the only Transfer-Encoding understood is chunked."
            )
        case ConnectionFailure.hostMissing:
            self.init(
                status: 400,
                code: "MALFORMED_REQUEST",
                detail: "A request needs exactly one Host field."
            )
        case HTTPParserError.invalidEOFState:
            return nil
        case is HTTPParserError:
            self.init(
                status: 400,
                code: "MALFORMED_REQUEST",
                detail: "The bytes sent are not an HTTP/1.1 request."
            )
        default:
            return nil
        }
    }
}

extension RequestBodyFailure: ProblemConvertible {
    public var problem: Problem {
        switch self {
        case .disconnected:
            Problem(
                status: 400,
                code: "BODY_TRUNCATED",
                detail: "The connection ended before the body did.",
                isRetryable: true
            )
        case .stalled:
            Problem(
                status: 408,
                code: "REQUEST_TIMEOUT",
                detail: "No byte of the body came for too long. Send the request again.",
                isRetryable: true
            )
        case .malformed:
            Problem(status: 400, code: "MALFORMED_BODY", detail: "The body's transfer coding is broken.")
        case .abandoned:
            Problem.internalError
        }
    }
}
