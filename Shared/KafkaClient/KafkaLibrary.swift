import CRdkafka

/// The librdkafka this process runs on, which may be newer than the one it was built with.
public enum KafkaLibrary {
    /// For example `2.0.2`.
    public static var version: String { String(cString: rd_kafka_version_str()) }
}
