/// Why a request was not served, as RFC 9457 says it. Throw it from a handler; it becomes the response.
///
/// `code` is stable and upper case, for programs; `detail` is for people: what was kept, and what to do next. Neither may
/// hold a secret, or show that another tenant's file exists.
public struct Problem: Error, Equatable, Sendable {
    public var status: Int
    public var code: String
    public var detail: String
    /// Sending the same request again may work.
    public var isRetryable: Bool
    /// Becomes `Retry-After`.
    public var retryAfterSeconds: Int?
    /// Further response fields, such as `Allow` or `WWW-Authenticate`.
    public var fields: [String: String]
    /// Further members of the document: one string each.
    public var extensions: [String: String]
    /// And members that are lists of numbers.
    public var lists: [String: [Int]] = [:]

    public init(
        status: Int,
        code: String,
        detail: String,
        isRetryable: Bool = false,
        retryAfterSeconds: Int? = nil,
        fields: [String: String] = [:],
        extensions: [String: String] = [:]
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.isRetryable = isRetryable
        self.retryAfterSeconds = retryAfterSeconds
        self.fields = fields
        self.extensions = extensions
    }
}

/// An error that knows its answer. Services conform their failures in one place each.
public protocol ProblemConvertible: Error {
    var problem: Problem { get }
}

extension Problem: ProblemConvertible {
    public var problem: Problem { self }
}
