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

    /// What every signature of one day has in common. A class: signing on several cores counts one reference, not four.
    private final class Day: Sendable {
        let name: String
        /// `20130524/us-east-1/s3/aws4_request`
        let scope: String
        let key: HMACKey

        init(name: String, scope: String, key: HMACKey) {
            self.name = name
            self.scope = scope
            self.key = key
        }
    }

    let credentials: S3Credentials
    let region: String
    /// Four HMACs once a day and not for each request.
    private let cachedDay = Mutex<Day?>(nil)

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
        signature(ofCanonical: Self.canonicalRequest(subject), at: moment)
    }

    func signature(ofCanonical request: [UInt8], at moment: SigningMoment) -> String {
        sign("AWS4-HMAC-SHA256", Digest256.of(request).hex, at: moment)
    }

    /// HMAC of a string to sign: kind, time, scope, then the given lines.
    func sign(_ kind: String, _ lines: String, at moment: SigningMoment) -> String {
        let day = day(moment)
        var text = RequestText(capacity: 512)
        text.append(line: kind)
        text.append(line: moment.stamp)
        text.append(line: day.scope)
        text.append(lines)
        return hexText(day.key.authenticate(text.bytes))
    }

    func scope(_ moment: SigningMoment) -> String { day(moment).scope }

    static func signedHeaders(_ headers: [(name: String, value: String)]) -> String {
        headers.map(\.name).sorted().joined(separator: ";")
    }

    static func canonicalRequest(_ subject: Subject) -> [UInt8] {
        var text = RequestText(capacity: 1024)
        text.append(line: subject.method)
        text.append(line: subject.path)
        text.append(line: subject.query)
        append(subject.headers.sorted { $0.name < $1.name }, to: &text)
        text.append(subject.payloadHash)
        return text.bytes
    }

    /// The part of a canonical request between query and payload. The headers come in the order of their names.
    static func append(_ headers: [(name: String, value: String)], to text: inout RequestText) {
        for (name, value) in headers {
            text.append(name)
            text.append(":")
            text.append(line: canonicalValue(value))
        }
        for (number, header) in headers.enumerated() {
            text.append(number == 0 ? "\n" : ";")
            text.append(header.name)
        }
        text.append("\n")
    }

    /// Trimmed, and runs of spaces made one. Most values have none.
    private static func canonicalValue(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x20 || $0 == 0x09 }) else { return value }
        return value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }

    private func day(_ moment: SigningMoment) -> Day {
        cachedDay.withLock { cached in
            if let cached, cached.name == moment.day { return cached }
            let dated = hmacSHA256(key: "AWS4\(credentials.secretAccessKey)".utf8, message: moment.day)
            let regional = hmacSHA256(key: dated, message: region)
            let key = hmacSHA256(key: hmacSHA256(key: regional, message: "s3"), message: "aws4_request")
            let day = Day(
                name: moment.day,
                scope: "\(moment.day)/\(region)/s3/aws4_request",
                key: HMACKey(key)
            )
            cached = day
            return day
        }
    }
}

/// An instant in the two forms a signature needs.
struct SigningMoment: Sendable {
    /// `20130524T000000Z`
    let stamp: String
    /// `20130524`
    let day: String

    init(_ time: Timestamp) {
        let date = time.date
        // The remainder of a time before 1970 is negative.
        let clock = (time.secondsSinceEpoch % 86_400 + 86_400) % 86_400
        var digits: [UInt8] = []
        digits.reserveCapacity(16)
        for number in [date.year / 100, date.year, date.month, date.day] { digits.append(twoDigits: number) }
        day = String(decoding: digits, as: UTF8.self)
        digits.append(UInt8(ascii: "T"))
        for number in [clock / 3_600, clock / 60 % 60, clock % 60] { digits.append(twoDigits: number) }
        digits.append(UInt8(ascii: "Z"))
        stamp = String(decoding: digits, as: UTF8.self)
    }
}

extension [UInt8] {
    /// The last two of a decimal number's.
    fileprivate mutating func append(twoDigits number: Int64) {
        let two = UInt8(number.magnitude % 100)
        append(UInt8(ascii: "0") + two / 10)
        append(UInt8(ascii: "0") + two % 10)
    }
}
