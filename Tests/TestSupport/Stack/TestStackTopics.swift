internal import Foundation

/// A record of a topic as kcat saw it.
public struct TopicRecord: Equatable, Sendable {
    public var topic: String
    public var partition: Int
    public var offset: Int64
    public var key: String
    public var headers: [String: String]
    public var payload: String

    public init(
        topic: String,
        partition: Int,
        offset: Int64,
        key: String,
        headers: [String: String],
        payload: String
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.key = key
        self.headers = headers
        self.payload = payload
    }

    public var id: String { headers["ce_id"] ?? "" }
    public var type: String { headers["ce_type"] ?? "" }
    public var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(payload.utf8))) as? [String: Any] ?? [:]
    }
    public var version: Int64 { (json["version"] as? NSNumber)?.int64Value ?? 0 }
}

extension TestStack {
    public static let filesTopic = "waybill.files.v1"
    public static let indexTopic = "waybill.index.v1"

    /// Every record of a topic, each partition in order, read by kcat.
    public func records(of topic: String = filesTopic) async throws -> [TopicRecord] {
        let kcat = try await TestCommand.run(
            "/usr/bin/kcat",
            [
                "-C", "-b", "127.0.0.1:\(try port(of: .devBroker))", "-t", topic, "-o", "beginning", "-e",
                "-q", "-J",
                "-X", "fetch.wait.max.ms=10",
            ]
        )
        guard kcat.isSuccess else { throw StackFailure("kcat could not read \(topic): \(kcat.output)") }
        return try kcat.output.split(separator: "\n").map(Self.record)
    }

    private static func record(_ line: Substring) throws -> TopicRecord {
        guard let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
            let topic = json["topic"] as? String,
            let partition = json["partition"] as? Int,
            let offset = (json["offset"] as? NSNumber)?.int64Value,
            let key = json["key"] as? String,
            let payload = json["payload"] as? String
        else { throw StackFailure("not a record as kcat prints it: \(line)") }
        let words = json["headers"] as? [String] ?? []
        let pairs = stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], words[$0 + 1]) }
        return TopicRecord(
            topic: topic,
            partition: partition,
            offset: offset,
            key: key,
            headers: Dictionary(pairs) { first, _ in first },
            payload: payload
        )
    }
}
