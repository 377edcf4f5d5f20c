import CRdkafka

/// What librdkafka or the broker reported.
public struct KafkaError: Error, Equatable, Sendable {
    /// librdkafka's number: negative for its own errors, the Kafka protocol's code otherwise.
    public let code: Int32
    /// The stable name of `code`, for example `MSG_SIZE_TOO_LARGE`, `_AUTO_OFFSET_RESET`.
    public let name: String
    /// A sentence for a person.
    public let message: String
    /// The handle it came from is of no further use: close it and make another.
    public let isFatal: Bool
    /// The same call may succeed later without anybody changing anything.
    public let isRetriable: Bool
    /// The partition concerned, when there is exactly one.
    public let partition: TopicPartition?

    public init(
        code: Int32,
        name: String,
        message: String,
        isFatal: Bool = false,
        isRetriable: Bool = false,
        partition: TopicPartition? = nil
    ) {
        self.code = code
        self.name = name
        self.message = message
        self.isFatal = isFatal
        self.isRetriable = isRetriable
        self.partition = partition
    }

    /// The record itself is at fault: it can never be published as it is.
    ///
    /// A broker may refuse a whole batch as too large (its `message.max.bytes` below the producer's `batch.size`),
    /// and then innocent neighbours get this answer as well. Produce such a record once more by itself before
    /// giving it up.
    public var isUnpublishable: Bool { Self.unpublishable.contains(code) }

    private static let unpublishable: Set<Int32> = Set(
        [
            RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG,
            RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
            RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
            RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, RD_KAFKA_RESP_ERR__INVALID_ARG,
        ].map(\.rawValue)
    )

    private static let retriable: Set<Int32> = Set(
        [
            RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
            RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__PURGE_QUEUE,
            RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__RETRY,
            RD_KAFKA_RESP_ERR__INTR, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
            RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_NOT_CONTROLLER, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
            RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT,
        ].map(\.rawValue)
    )
}

extension KafkaError {
    init(
        _ code: rd_kafka_resp_err_t,
        message: String? = nil,
        isFatal: Bool = false,
        partition: TopicPartition? = nil
    ) {
        self.init(
            code: code.rawValue,
            name: String(cString: rd_kafka_err2name(code)),
            message: message ?? String(cString: rd_kafka_err2str(code)),
            isFatal: isFatal || code == RD_KAFKA_RESP_ERR__FATAL,
            isRetriable: !isFatal && Self.retriable.contains(code.rawValue),
            partition: partition
        )
    }

    static func invalidSetting(_ message: String) -> KafkaError {
        KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, message: message)
    }

    /// What the last call on this thread reported; the library keeps it per thread.
    static func last(_ doing: String) -> KafkaError {
        let code = rd_kafka_last_error()
        return KafkaError(code, message: "\(doing): \(String(cString: rd_kafka_err2str(code)))")
    }

    static let producerClosed = KafkaError(
        RD_KAFKA_RESP_ERR__DESTROY,
        message: "the producer is closed; the record was not sent"
    )
    static let consumerClosed = KafkaError(RD_KAFKA_RESP_ERR__DESTROY, message: "the consumer is closed")
    /// For who gave up waiting: the record may or may not have been, or yet be, stored.
    static let waitCancelled = KafkaError(
        RD_KAFKA_RESP_ERR__INTR,
        message: "the waiting task was cancelled; whether the record was stored is not known"
    )
    /// For a record taken back before the library had it.
    static let sendCancelled = KafkaError(
        RD_KAFKA_RESP_ERR__INTR,
        message: "the sending task was cancelled; the record was not sent"
    )
}

extension String {
    /// The text before the first NUL of a buffer C has written to.
    init(nulTerminated buffer: [CChar]) {
        self.init(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
