import CRdkafka
import Glibc

/// One record as read from a partition. A missing key or value differs from an empty one.
public struct ConsumerRecord: Sendable {
    public let topic: String
    public let partition: Int32
    public let offset: Int64
    public let key: [UInt8]?
    /// Nil is a tombstone.
    public let value: [UInt8]?
    /// In the order the producer gave them; a name may come more than once. A null value reads as empty.
    public let headers: [(name: String, value: [UInt8])]
    /// Milliseconds since 1970, the producer's or the broker's clock by the topic's setting; nil when unknown.
    public let timestampMillis: Int64?

    public init(
        topic: String,
        partition: Int32,
        offset: Int64,
        key: [UInt8]?,
        value: [UInt8]?,
        headers: [(name: String, value: [UInt8])] = [],
        timestampMillis: Int64? = nil
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.key = key
        self.value = value
        self.headers = headers
        self.timestampMillis = timestampMillis
    }

    public var topicPartition: TopicPartition { TopicPartition(topic: topic, partition: partition) }
}

extension ConsumerRecord {
    /// Copies everything; `message` stays the caller's.
    init(_ message: UnsafeMutablePointer<rd_kafka_message_t>, topic: String) {
        let raw = message.pointee
        var timestampType = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let timestamp = rd_kafka_message_timestamp(message, &timestampType)
        self.init(
            topic: topic,
            partition: raw.partition,
            offset: raw.offset,
            key: copyBytes(raw.key, raw.key_len),
            value: copyBytes(raw.payload, raw.len),
            headers: Self.headers(of: message),
            timestampMillis: timestampType == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? nil : timestamp
        )
    }

    private static func headers(
        of message: UnsafeMutablePointer<rd_kafka_message_t>
    ) -> [(name: String, value: [UInt8])] {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else {
            return []
        }
        var headers: [(name: String, value: [UInt8])] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var byteCount = 0
        while rd_kafka_header_get_all(list, headers.count, &name, &value, &byteCount)
            == RD_KAFKA_RESP_ERR_NO_ERROR
        {
            headers.append((name.map { String(cString: $0) } ?? "", copyBytes(value, byteCount) ?? []))
        }
        return headers
    }
}

private func copyBytes(_ start: UnsafeRawPointer?, _ byteCount: Int) -> [UInt8]? {
    start.map { Array(UnsafeRawBufferPointer(start: $0, count: byteCount)) }
}

/// The topic's name of consecutive messages without making a string for each.
struct TopicNames {
    private var last = ""

    mutating func name(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> String? {
        guard let topic = message.pointee.rkt, let name = rd_kafka_topic_name(topic) else { return nil }
        // By content: a topic object's address may be used again for another topic.
        if !last.isEmpty, last.withCString({ strcmp($0, name) == 0 }) { return last }
        last = String(cString: name)
        return last
    }
}
