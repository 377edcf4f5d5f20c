/// Why a form could not be read. Parts delivered before are whole; the one under way is not.
public enum MultipartFailure: Error, Equatable, Sendable {
    /// The request's Content-Type is not multipart/form-data with a boundary of RFC 2046.
    case notAForm
    /// The body ended before the closing boundary.
    case truncated
    case malformedBoundary
    case malformedHeader(String)
    case tooManyParts(limit: Int)
    case headerTooLarge(byteLimit: Int)
    case fieldTooLarge(name: String, byteLimit: Int)
    case preambleTooLarge(byteLimit: Int)
    /// A part was read after the next one was asked for, or by two tasks at once.
    case readOutOfOrder
}

extension MultipartFailure: ProblemConvertible {
    public var problem: Problem {
        switch self {
        case .notAForm:
            Problem(
                status: 415,
                code: "UNSUPPORTED_MEDIA_TYPE",
                detail: "Send multipart/form-data with a boundary of at most 70 characters."
            )
        case .truncated:
            Problem(
                status: 400,
                code: "BODY_TRUNCATED",
                detail: "The form ended before its closing boundary.",
                isRetryable: true
            )
        case .malformedBoundary: .malformedForm("a boundary line holds other text")
        case .malformedHeader(let reason): .malformedForm(reason)
        case .tooManyParts(let limit): .formTooLarge("A form may have at most \(limit) parts.")
        case .headerTooLarge(let limit): .formTooLarge("A part's header may have at most \(limit) bytes.")
        case .fieldTooLarge(_, let limit): .formTooLarge("A form field may have at most \(limit) bytes.")
        case .preambleTooLarge(let limit): .malformedForm("no boundary within the first \(limit) bytes")
        case .readOutOfOrder: .internalError
        }
    }
}

extension Problem {
    fileprivate static func malformedForm(_ reason: String) -> Problem {
        Problem(status: 400, code: "MALFORMED_MULTIPART", detail: "The form is malformed: \(reason).")
    }

    fileprivate static func formTooLarge(_ detail: String) -> Problem {
        Problem(status: 413, code: "FORM_TOO_LARGE", detail: detail)
    }
}

/// What a form may cost.
public struct MultipartLimits: Sendable, Equatable {
    public var partCountLimit = 256
    /// All header lines of one part.
    public var headerByteLimit = 8 << 10
    /// Content of a part without a file name. Files have no limit here.
    public var fieldByteLimit = 64 << 10
    /// Text before the first boundary, which is dropped.
    public var preambleByteLimit = 8 << 10

    public init() {}
}
