import CRdkafka
import Determinism
public import Logging

/// What the brokers say about themselves.
public enum KafkaMetadata {
    /// Every topic the caller may see and its number of partitions. A topic that is being made may be missing.
    ///
    /// - Parameter limit: how long to wait for a broker, in whole milliseconds.
    /// - Throws: `isRetriable` when no broker answered in time.
    public static func topics(
        _ settings: KafkaSettings,
        limit: Duration = .seconds(10),
        logger: Logger = Logger(label: "kafka.metadata")
    ) async throws(KafkaError) -> [String: Int] {
        let answer: Result<[String: Int], KafkaError> = await withCheckedContinuation { continuation in
            do throws(KafkaError) {
                try PollThread.start {
                    continuation.resume(returning: fetch(settings, limit, logger))
                }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try answer.get()
    }

    private static func fetch(
        _ settings: KafkaSettings,
        _ limit: Duration,
        _ logger: Logger
    ) -> Result<[String: Int], KafkaError> {
        let context = HandleContext(logger: logger)
        let handle: OpaquePointer
        do {
            handle = try Configuration(settings).makeHandle(RD_KAFKA_PRODUCER, context: context)
        } catch { return .failure(error) }
        defer { Configuration.destroy(handle, context: context) }

        var metadata: UnsafePointer<rd_kafka_metadata>?
        let milliseconds = Int32(clamping: limit.wholeMilliseconds)
        let code = rd_kafka_metadata(handle, 1, nil, &metadata, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { return .failure(KafkaError(code)) }
        defer { rd_kafka_metadata_destroy(metadata) }
        return .success(count(metadata.pointee))
    }

    private static func count(_ metadata: rd_kafka_metadata) -> [String: Int] {
        var counts: [String: Int] = [:]
        for index in 0..<max(0, Int(metadata.topic_cnt)) {
            guard let topic = metadata.topics?[index], let name = topic.topic,
                topic.err == RD_KAFKA_RESP_ERR_NO_ERROR
            else { continue }
            counts[String(cString: name)] = Int(topic.partition_cnt)
        }
        return counts
    }
}
