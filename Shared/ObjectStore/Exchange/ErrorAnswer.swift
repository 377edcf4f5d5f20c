import Determinism
import NIOCore

/// Reads what an answer that is not a success says.
///
/// Source: AWS, "Error responses", Amazon S3 API Reference, and the observations on other stores in this project.
enum ErrorAnswer {
    /// Nil when the answer is a success.
    static func failure(in answer: Answer, of request: S3Request, now: Timestamp) -> AttemptFailure? {
        if (200..<300).contains(answer.status) {
            // Documented for a few calls only, but a gateway in between may do it to any: an upload believed because of
            // its status alone would be lost.
            guard request.mayFailWith200 || beginsAsError(answer.body) else { return nil }
            guard let root = try? XMLReader.parse(Array(answer.body.readableBytesView)) else {
                // The answer was cut or is not XML: nothing can be said about the effect.
                return .lost("a success without a readable body")
            }
            return root.name == "Error"
                ? failure(answer, code: root.text("Code") ?? "", root.text("Message")) : nil
        }
        let root = try? XMLReader.parse(Array(answer.body.readableBytesView))
        let error = root?.name == "Error" ? root : nil
        if error == nil, answer.status == 403, isSkewed(answer, now: now) {
            return failure(answer, code: "RequestTimeTooSkewed", nil)
        }
        return failure(answer, code: error?.text("Code") ?? codeWithoutBody(answer), error?.text("Message"))
    }

    /// Cheap enough for every answer: errors are short, and their root comes within the first line or two.
    private static func beginsAsError(_ body: ByteBuffer) -> Bool {
        body.readableBytes > 0
            && String(decoding: body.readableBytesView.prefix(256), as: UTF8.self).contains("<Error")
    }

    static func failure(_ answer: Answer, code: String, _ message: String?) -> AttemptFailure {
        let retryAfter = answer.header("retry-after").flatMap { delay($0, now: answer.header("date")) }
        let text = "\(answer.status) \(code)"
        switch code {
        case "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NoSuchBucket", "NotFound":
            return AttemptFailure(failure: .notFound(code: code))
        case "PreconditionFailed": return AttemptFailure(failure: .preconditionFailed)
        case "InvalidRange": return AttemptFailure(failure: .rangeNotSatisfiable(size: totalSize(answer)))
        case "RequestTimeTooSkewed":
            return AttemptFailure(
                failure: .unavailable(reason: "the clocks differ too much", retryAfter: nil),
                storeTime: answer.header("date").flatMap { timestamp(httpDate: $0) }
            )
        case "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted",
            "ConditionalRequestConflict",
            "Throttling", "TooManyRequests", "XMinioServerNotInitialized":
            return unavailable(text, retryAfter)
        case "InternalError":
            return AttemptFailure(
                failure: .outcomeUnknown(reason: text),
                mayBeApplied: true,
                isTransient: true,
                retryAfter: retryAfter
            )
        default: return failure(answer, status: answer.status, code: code, message ?? "", retryAfter)
        }
    }

    private static func failure(
        _ answer: Answer,
        status: Int,
        code: String,
        _ message: String,
        _ retryAfter: Duration?
    ) -> AttemptFailure {
        switch status {
        case 404: AttemptFailure(failure: .notFound(code: code))
        case 412: AttemptFailure(failure: .preconditionFailed)
        case 416: AttemptFailure(failure: .rangeNotSatisfiable(size: totalSize(answer)))
        case 408, 429, 503: unavailable("\(status) \(code)", retryAfter)
        case 500, 502, 504:
            AttemptFailure(
                failure: .outcomeUnknown(reason: "\(status) \(code)"),
                mayBeApplied: true,
                isTransient: true,
                retryAfter: retryAfter
            )
        default:
            AttemptFailure(
                failure: .refused(status: status, code: code, message: String(message.prefix(500)))
            )
        }
    }

    private static func unavailable(_ reason: String, _ retryAfter: Duration?) -> AttemptFailure {
        AttemptFailure(
            failure: .unavailable(reason: reason, retryAfter: retryAfter),
            isTransient: true,
            retryAfter: retryAfter
        )
    }

    /// A HEAD has no body to say so: stores refuse clocks that differ by more than 15 minutes.
    private static func isSkewed(_ answer: Answer, now: Timestamp) -> Bool {
        guard let there = answer.header("date").flatMap({ timestamp(httpDate: $0) }) else { return false }
        return there.duration(since: now) > .seconds(840) || now.duration(since: there) > .seconds(840)
    }

    private static func codeWithoutBody(_ answer: Answer) -> String {
        answer.header("x-amz-error-code") ?? answer.header("x-minio-error-code")
            ?? (answer.status == 404 ? "NotFound" : "HTTP\(answer.status)")
    }

    /// `bytes */1234`
    private static func totalSize(_ answer: Answer) -> Int64? {
        answer.header("content-range").flatMap { $0.split(separator: "/").last }.flatMap { Int64($0) }
    }

    /// Seconds, or an HTTP date measured against the store's own clock.
    private static func delay(_ text: String, now: String?) -> Duration? {
        if let seconds = Int64(text) { return .seconds(max(0, min(seconds, 86_400))) }
        guard let then = timestamp(httpDate: text), let now = now.flatMap({ timestamp(httpDate: $0) }) else {
            return nil
        }
        return max(.zero, then.duration(since: now))
    }
}
