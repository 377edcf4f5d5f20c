import Determinism
import Digests
import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Operations {
    /// A browser's form upload. The signed policy in the form says what may be stored.
    ///
    /// Source: Amazon S3 API Reference, "Browser-based uploads using POST".
    func postForm(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        guard let boundary = FormParser.boundary(call.request.header("content-type") ?? "") else {
            throw S3Error(
                412,
                "PreconditionFailed",
                "Bucket POST must be of the enclosure-type multipart/form-data"
            )
        }
        var reader = try await PayloadReader.open(call, writer)
        var form = FormParser(boundary: boundary)
        var file = IncomingFile(store.place)
        var digests = ContentDigests(needsSHA256: false, algorithm: nil)
        var size: Int64 = 0
        while let piece = try await reader.next() {
            guard let bytes = try form.feed(piece) else { continue }
            size += Int64(bytes.readableBytes)
            bytes.withUnsafeReadableBytes { digests.update($0) }
            try file.append(bytes)
        }
        guard form.isComplete else { throw .incompleteBody }
        _ = try reader.finish()
        let key = ObjectKey(form.key)
        try check(form, bucket: call.bucketName, key: key, size: size)
        let description = try ObjectDescription(call.request.replacing(headers: form.headers))
        let etag = ETag(md5: digests.finish().md5.bytes)
        var record = ObjectRecord(key, description, etag: etag, size: size)
        bucket.stamp(&record)
        try file.seal(record)
        try bucket.publish(record, file: file.path)
        file.keep()
        var answer = stored(record, in: bucket)
        answer.status = ["200": 200, "201": 201][form.fields["success_action_status"] ?? ""] ?? 204
        return answer
    }

    private func check(
        _ form: FormParser,
        bucket: String,
        key: ObjectKey,
        size: Int64
    ) throws(S3Error) {
        guard (1...ObjectKey.byteLimit).contains(key.bytes.count) else {
            throw .invalidArgument("Bucket POST must contain a field named 'key'.")
        }
        guard let text = form.fields["policy"], let date = form.fields["x-amz-date"],
            let credential = form.fields["x-amz-credential"], let signature = form.fields["x-amz-signature"],
            let slash = credential.firstIndex(of: "/")
        else { throw .accessDenied() }
        let grant = try keys.grant(String(credential[..<slash]))
        let context = SigningContext(secret: grant.secret, date: date, region: region)
        guard credential[credential.index(after: slash)...] == context.scope,
            isSameSignature(context.policySignature(text), signature)
        else { throw .badSignature }
        try grant.check(.putObject, key: key)
        try PostPolicy(text).check(form, bucket: bucket, key: key.text, size: size, now: store.place.time.now)
    }
}

extension S3Request {
    fileprivate func replacing(headers: [Parameter]) -> S3Request {
        var copy = self
        copy.headers = headers
        return copy
    }
}

/// What a signed form may store.
struct PostPolicy: Sendable {
    private enum Condition: Decodable {
        case exact([String: String])
        case list([Value])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let exact = try? container.decode([String: String].self) {
                self = .exact(exact)
            } else {
                self = .list(try container.decode([Value].self))
            }
        }
    }
    private enum Value: Decodable {
        case text(String)
        case number(Int64)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }
    private struct Document: Decodable {
        let expiration: String
        let conditions: [Condition]
    }

    private let document: Document

    init(_ base64: String) throws(S3Error) {
        guard let bytes = Data(base64Encoded: base64),
            let document = try? JSONDecoder().decode(Document.self, from: bytes)
        else { throw S3Error(400, "InvalidPolicyDocument", "The form's policy could not be read.") }
        self.document = document
    }

    fileprivate func check(
        _ form: FormParser,
        bucket: String,
        key: String,
        size: Int64,
        now: Timestamp
    ) throws(S3Error) {
        guard let end = Dates.parseExtended(document.expiration), now <= end else {
            throw .accessDenied("Invalid according to Policy: Policy expired.")
        }
        var fields = form.fields
        fields["bucket"] = bucket
        fields["key"] = key
        for condition in document.conditions {
            switch condition {
            case .exact(let wanted):
                for (name, value) in wanted where fields[name.lowercased()] != value { throw failed(name) }
            case .list(let values): try check(values, fields, size)
            }
        }
    }

    private func check(_ values: [Value], _ fields: [String: String], _ size: Int64) throws(S3Error) {
        switch (values.count == 3 ? values[0] : nil, values.dropFirst().first, values.last) {
        case (.text("content-length-range"), .number(let least), .number(let most)):
            guard size >= least else { throw .entityTooSmall }
            guard size <= most else { throw .entityTooLarge }
        case (.text("eq"), .text(let name), .text(let value)):
            guard fields[name.dropFirst().lowercased()] == value else { throw failed(name) }
        case (.text("starts-with"), .text(let name), .text(let value)):
            guard fields[name.dropFirst().lowercased()]?.hasPrefix(value) == true else { throw failed(name) }
        default: throw S3Error(400, "InvalidPolicyDocument", "A condition of the policy could not be read.")
        }
    }

    private func failed(_ name: String) -> S3Error {
        .accessDenied("Invalid according to Policy: Policy Condition failed: \(name)")
    }
}
