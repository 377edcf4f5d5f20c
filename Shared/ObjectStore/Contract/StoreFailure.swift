/// What a call to the store came to, when not to success. Never carries a secret or a signature.
public enum StoreFailure: Error, Sendable {
    /// The store said that it is not there: `NoSuchKey`, `NoSuchUpload`, `NoSuchBucket`, `NoSuchVersion`…
    case notFound(code: String)
    /// The store said no, or the request could never be made. Nothing was applied; the same call would be refused again.
    /// The status is 0 when the request was refused on this side.
    case refused(status: Int, code: String, message: String)
    /// Nothing was applied, as far as can be known. May be tried again.
    case unavailable(reason: String, retryAfter: Duration?)
    /// May have been applied. Ask the store before doing anything that depends on it.
    case outcomeUnknown(reason: String)
    /// The caller's own body threw this, or was longer or shorter than declared (`BodyLengthMismatch`). Nothing stored.
    case bodyFailed(any Error)
    /// The range lies outside the object, whose size the store may have told.
    case rangeNotSatisfiable(size: Int64?)
    /// `If-Match` or `If-None-Match` did not hold. Nothing was applied.
    case preconditionFailed
    /// The store answered something that is not S3.
    case unexpectedAnswer(String)
    /// The calling task was cancelled. A write that was under way may have been applied.
    case cancelled
}

/// A stream did not have the length it was declared with. Nothing was stored.
public struct BodyLengthMismatch: Error, Equatable, Sendable {
    public let declared: Int64
    /// How much there was, or how much had been seen when it became too much.
    public let received: Int64

    public init(declared: Int64, received: Int64) {
        self.declared = declared
        self.received = received
    }
}

extension StoreFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFound(let code): "not found (\(code))"
        case .refused(let status, let code, let message): "refused (\(status) \(code)): \(message)"
        case .unavailable(let reason, _): "unavailable: \(reason)"
        case .outcomeUnknown(let reason): "outcome unknown: \(reason)"
        case .bodyFailed(let error): "body failed: \(error)"
        case .rangeNotSatisfiable: "range not satisfiable"
        case .preconditionFailed: "precondition failed"
        case .unexpectedAnswer(let what): "unexpected answer: \(what)"
        case .cancelled: "cancelled"
        }
    }
}
