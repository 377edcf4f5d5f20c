import Determinism
import Digests
import Synchronization

/// AWS Signature Version 4.
///
/// Source: AWS, "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
final class RequestSigner: Sendable {
    /// Header and query signing share this; `headers` names are lower case.
    struct Subject {
        var method: String
        /// Encoded once.
        var path: String
        /// Encoded and sorted.
        var query: String
        var headers: [(name: String, value: String)]
        var payloadHash: String
    }

    let credentials: S3Credentials
    let region: String
    /// Four HMACs once a day and not for each request.
    private let cachedKey = Mutex<(day: String, key: [UInt8])?>(nil)

    init(credentials: S3Credentials, region: String) {
        self.credentials = credentials
        self.region = region
    }

    /// Signs; returns the `Authorization` header's value and the bare signature, from which signed chunks go on.
    func authorization(_ subject: Subject, at moment: SigningMoment) -> (header: String, signature: String) {
        let signature = signature(of: subject, at: moment)
        let header =
            "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope(moment)), "
            + "SignedHeaders=\(Self.signedHeaders(subject.headers)), Signature=\(signature)"
        return (header, signature)
    }

    func signature(of subject: Subject, at moment: SigningMoment) -> String {
        sign("AWS4-HMAC-SHA256", Digest256.of(Self.canonicalRequest(subject)).hex, at: moment)
    }

    /// HMAC of a string to sign: kind, time, scope, then the given lines.
    func sign(_ kind: String, _ lines: String, at moment: SigningMoment) -> String {
        let text = "\(kind)\n\(moment.stamp)\n\(scope(moment))\n\(lines)"
        return hexText(hmacSHA256(key: signingKey(day: moment.day), message: text))
    }

    func scope(_ moment: SigningMoment) -> String { "\(moment.day)/\(region)/s3/aws4_request" }

    static func signedHeaders(_ headers: [(name: String, value: String)]) -> String {
        headers.map(\.name).sorted().joined(separator: ";")
    }

    static func canonicalRequest(_ subject: Subject) -> String {
        let headers = subject.headers.sorted { $0.name < $1.name }
            .map { "\($0.name):\(canonicalValue($0.value))\n" }.joined()
        return [
            subject.method, subject.path, subject.query, headers, signedHeaders(subject.headers),
            subject.payloadHash,
        ].joined(separator: "\n")
    }

    /// Trimmed, and runs of spaces made one.
    private static func canonicalValue(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }

    private func signingKey(day: String) -> [UInt8] {
        cachedKey.withLock { cached in
            if let cached, cached.day == day { return cached.key }
            let dated = hmacSHA256(key: "AWS4\(credentials.secretAccessKey)".utf8, message: day)
            let regional = hmacSHA256(key: dated, message: region)
            let key = hmacSHA256(key: hmacSHA256(key: regional, message: "s3"), message: "aws4_request")
            cached = (day, key)
            return key
        }
    }
}

/// An instant in the two forms a signature needs.
struct SigningMoment: Sendable {
    /// `20130524T000000Z`
    let stamp: String
    /// `20130524`
    var day: String { String(stamp.prefix(8)) }

    init(_ time: Timestamp) {
        stamp = String(time.rfc3339.prefix(19)).filter { $0 != "-" && $0 != ":" } + "Z"
    }
}
