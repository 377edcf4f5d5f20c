import FoundationEssentials
import HTTPTypes
import HummingbirdCore

/// A bucket policy, so far as it speaks about everyone: who holds a key pair is governed by the pair.
///
/// Source: Amazon S3 User Guide, "Policies and permissions in Amazon S3".
struct BucketPolicy: Sendable {
    private struct Statement: Decodable {
        enum CodingKeys: String, CodingKey {
            case effect = "Effect"
            case principal = "Principal"
            case action = "Action"
            case resource = "Resource"
            case condition = "Condition"
            case notAction = "NotAction"
            case notResource = "NotResource"
        }

        let effect: String
        let principal: Principal
        let action: OneOrMany
        let resource: OneOrMany
        let condition: Unsupported?
        let notAction: Unsupported?
        let notResource: Unsupported?
    }
    private struct Document: Decodable {
        enum CodingKeys: String, CodingKey { case statements = "Statement" }

        let statements: [Statement]
    }

    private struct Unsupported: Decodable {}

    private struct OneOrMany: Decodable {
        let values: [String]
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            values = try (try? [container.decode(String.self)]) ?? container.decode([String].self)
        }
    }

    private struct Principal: Decodable {
        let isEveryone: Bool
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            let names =
                try (try? [container.decode(String.self)])
                ?? container.decode([String: OneOrMany].self).values.flatMap(\.values)
            isEveryone = names.contains("*")
        }
    }

    private let statements: [Statement]

    init(_ text: String) throws(S3Error) {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(text.utf8)) else {
            throw S3Error(400, "MalformedPolicy", "The policy is not valid JSON of the policy language.")
        }
        for statement in document.statements {
            guard statement.condition == nil, statement.notAction == nil, statement.notResource == nil else {
                throw .notImplemented("A policy with Condition, NotAction or NotResource")
            }
        }
        statements = document.statements
    }

    func allowsEveryone(_ action: String, on resource: String) -> Bool {
        let matching = statements.filter { statement in
            statement.principal.isEveryone && statement.action.values.contains { isMatch(action, $0) }
                && statement.resource.values.contains { isMatch(resource, $0) }
        }
        return matching.contains { $0.effect == "Allow" } && !matching.contains { $0.effect == "Deny" }
    }
}

extension Operations {
    /// Lets a caller without a key pair in, or does not.
    func checkAnonymous(_ call: Call) throws(S3Error) {
        let action: String
        switch call.operation {
        case .getObject, .headObject: action = call.versionID == nil ? "s3:GetObject" : "s3:GetObjectVersion"
        case .listObjects, .listObjectsV2: action = "s3:ListBucket"
        case .putObject: action = "s3:PutObject"
        default: throw .accessDenied()
        }
        guard let text = try? store.bucket(call.bucketName).settings.policy else { throw .accessDenied() }
        let path = call.request.key.map { "/\($0.text)" } ?? ""
        let isAllowed = try BucketPolicy(text).allowsEveryone(
            action,
            on: "arn:aws:s3:::\(call.bucketName)\(path)"
        )
        guard isAllowed else { throw .accessDenied() }
    }

    func getPolicy(_ call: Call) throws(S3Error) -> Answer {
        guard let policy = try store.bucket(call.bucketName).settings.policy else {
            throw S3Error(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
        }
        var answer = Answer()
        answer.set(.contentType, "application/json")
        answer.body = .text(policy)
        return answer
    }

    func putPolicy(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let bytes = try await PayloadReader.collect(call, writer, limit: 20 << 10)
        let text = String(decoding: bytes, as: UTF8.self)
        _ = try BucketPolicy(text)
        try bucket.changeSettings { (settings) throws(S3Error) in settings.policy = text }
        return Answer(204)
    }

    func deletePolicy(_ call: Call) throws(S3Error) -> Answer {
        try store.bucket(call.bucketName).changeSettings { (settings) throws(S3Error) in settings.policy = nil
        }
        return Answer(204)
    }
}
