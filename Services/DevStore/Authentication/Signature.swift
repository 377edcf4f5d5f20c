import Digests

/// Signature Version 4 as the server computes it.
///
/// Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".
struct SigningContext: Sendable {
    /// `x-amz-date`, for example `20261121T093000Z`.
    let date: String
    /// `20261121/us-east-1/s3/aws4_request`.
    let scope: String
    private let key: [UInt8]

    init(secret: String, date: String, region: String) {
        let day = String(date.prefix(8))
        self.date = date
        scope = "\(day)/\(region)/s3/aws4_request"
        let dayKey = hmacSHA256(key: Array("AWS4\(secret)".utf8), message: day)
        let regionKey = hmacSHA256(key: dayKey, message: region)
        key = hmacSHA256(key: hmacSHA256(key: regionKey, message: "s3"), message: "aws4_request")
    }

    func signature(of canonicalRequest: String) -> String {
        sign(["AWS4-HMAC-SHA256", date, scope, Digest256.of(canonicalRequest).hex])
    }

    /// Of one chunk of `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`.
    func chunkSignature(previous: String, digest: Digest256) -> String {
        sign([
            "AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, SigningContext.emptyDigest, digest.hex,
        ])
    }

    /// Of the trailing headers, each `name:value\n`.
    func trailerSignature(previous: String, trailers: String) -> String {
        sign(["AWS4-HMAC-SHA256-TRAILER", date, scope, previous, Digest256.of(trailers).hex])
    }

    /// Of a browser form's policy, base64 as it was sent.
    func policySignature(_ policy: String) -> String { hexText(hmacSHA256(key: key, message: policy)) }

    private func sign(_ lines: [String]) -> String {
        hexText(hmacSHA256(key: key, message: lines.joined(separator: "\n")))
    }

    private static let emptyDigest = Digest256.of("").hex
}

extension S3Request {
    /// The request in the form that is signed. `payload` is the last line: a digest or a fixed word.
    func canonical(signedHeaders: [String], payload: String) -> String {
        let parameters =
            query
            .filter { $0.name != "X-Amz-Signature" }
            .map { (PercentCoding.encode($0.name.utf8), PercentCoding.encode($0.value.utf8)) }
            .sorted { $0 < $1 }
            .map { "\($0.0)=\($0.1)" }
        let lines = signedHeaders.map { name in
            "\(name):\(headers.filter { $0.name == name }.map { collapsed($0.value) }.joined(separator: ","))\n"
        }
        return [
            method, PercentCoding.encode(path, keepingSlash: true), parameters.joined(separator: "&"),
            lines.joined(), signedHeaders.joined(separator: ";"), payload,
        ].joined(separator: "\n")
    }
}

/// White space around a value removed, runs of spaces inside made one.
private func collapsed(_ value: String) -> String {
    value.utf8.contains(32) || value.utf8.contains(9)
        ? value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ") : value
}

/// Takes as long for a near miss as for a far one.
func isSameSignature(_ left: String, _ right: String) -> Bool {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
}
