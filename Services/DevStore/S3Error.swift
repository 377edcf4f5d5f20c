import HTTPTypes

/// A refusal in S3's own vocabulary: the code is what clients switch on.
///
/// Source: Amazon S3 API Reference, "Error responses".
struct S3Error: Error, Sendable {
    let status: Int
    let code: String
    let message: String
    var headers: [(HTTPField.Name, String)] = []

    init(_ status: Int, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    func with(_ name: HTTPField.Name, _ value: String) -> S3Error {
        var copy = self
        copy.headers.append((name, value))
        return copy
    }
}

extension S3Error {
    static func accessDenied(_ why: String = "Access Denied") -> S3Error { S3Error(403, "AccessDenied", why) }
    static func badDigest(_ what: String) -> S3Error {
        S3Error(400, "BadDigest", "The \(what) you specified did not match what we received.")
    }
    static func invalidArgument(_ why: String) -> S3Error { S3Error(400, "InvalidArgument", why) }
    static func invalidRequest(_ why: String) -> S3Error { S3Error(400, "InvalidRequest", why) }
    static func notImplemented(_ what: String) -> S3Error {
        S3Error(501, "NotImplemented", "\(what) is not implemented by this development store.")
    }
    static func internalError(_ why: String) -> S3Error { S3Error(500, "InternalError", why) }

    static let badSignature = S3Error(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided."
    )
    static let entityTooLarge = S3Error(400, "EntityTooLarge", "The upload exceeds the maximum allowed size.")
    static let entityTooSmall = S3Error(
        400,
        "EntityTooSmall",
        "Every part but the last must have at least 5 MiB."
    )
    static let incompleteBody = S3Error(
        400,
        "IncompleteBody",
        "The body had fewer bytes than Content-Length said."
    )
    static let insufficientStorage = S3Error(507, "InsufficientStorage", "The disk of the store is full.")
    static let invalidPart = S3Error(
        400,
        "InvalidPart",
        "A part was not uploaded, or its ETag or checksum differs from the uploaded one."
    )
    static let invalidPartOrder = S3Error(
        400,
        "InvalidPartOrder",
        "The parts were not in ascending order of number."
    )
    static let malformedXML = S3Error(
        400,
        "MalformedXML",
        "The XML was not well formed or not what was asked for."
    )
    static let methodNotAllowed = S3Error(
        405,
        "MethodNotAllowed",
        "The method is not allowed on this resource."
    )
    static let missingContentLength = S3Error(
        411,
        "MissingContentLength",
        "You must send a Content-Length header."
    )
    static let noSuchBucket = S3Error(404, "NoSuchBucket", "The bucket does not exist.")
    static let noSuchKey = S3Error(404, "NoSuchKey", "The key does not exist.")
    static let noSuchUpload = S3Error(
        404,
        "NoSuchUpload",
        "The upload does not exist: the id is wrong, or it was completed or aborted."
    )
    static let noSuchVersion = S3Error(404, "NoSuchVersion", "The version does not exist.")
    static let preconditionFailed = S3Error(412, "PreconditionFailed", "A condition of the request failed.")
}
