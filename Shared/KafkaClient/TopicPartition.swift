import CRdkafka

/// One partition of one topic.
public struct TopicPartition: Hashable, Sendable, CustomStringConvertible {
    public let topic: String
    public let partition: Int32

    public init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    public var description: String { "\(topic)[\(partition)]" }
}

/// Owns one `rd_kafka_topic_partition_list_t` and frees it exactly once.
struct TopicPartitionList: ~Copyable {
    private let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(_ partitions: some Collection<(TopicPartition, Int64)>) {
        raw = rd_kafka_topic_partition_list_new(Int32(clamping: partitions.count))
        for (partition, offset) in partitions {
            rd_kafka_topic_partition_list_add(raw, partition.topic, partition.partition).pointee.offset =
                offset
        }
    }

    /// Offsets left unset, as for pause and resume.
    init(_ partitions: some Collection<TopicPartition>) {
        self.init(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_INVALID)) })
    }

    deinit { rd_kafka_topic_partition_list_destroy(raw) }

    /// Lends the pointer for the length of one call. Being borrowed all the while, the list cannot be freed early.
    borrowing func lend<Result>(
        _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> Result
    ) -> Result {
        body(raw)
    }

    /// The error the library left on each entry that has one.
    var failures: [(TopicPartition, rd_kafka_resp_err_t)] {
        Self.entries(raw).filter { $0.err != RD_KAFKA_RESP_ERR_NO_ERROR }.map { ($0.key, $0.err) }
    }

    static func partitions(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>?) -> [TopicPartition] {
        list.map { entries($0).map(\.key) } ?? []
    }

    private static func entries(
        _ list: UnsafePointer<rd_kafka_topic_partition_list_t>
    ) -> [(key: TopicPartition, err: rd_kafka_resp_err_t)] {
        (0..<max(0, Int(list.pointee.cnt))).compactMap { index in
            guard let element = list.pointee.elems?[index], let topic = element.topic else { return nil }
            return (TopicPartition(topic: String(cString: topic), partition: element.partition), element.err)
        }
    }
}
