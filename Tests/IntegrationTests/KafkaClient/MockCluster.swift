import CRdkafka
import Foundation
import KafkaClient
import Logging

/// librdkafka's mock cluster inside the test process, where faults can be injected.
///
/// `@unchecked Sendable`: the mock's functions take its own lock; the handles never change.
final class MockCluster: @unchecked Sendable {
    struct NotStarted: Error {}

    let bootstrap: String
    private let handle: OpaquePointer
    private let cluster: OpaquePointer

    init(topics: [String: Int32] = ["t": 1]) throws {
        var text = [CChar](repeating: 0, count: 512)
        let configuration = rd_kafka_conf_new()
        // The mock complains that it has no brokers to connect to.
        rd_kafka_conf_set(configuration, "log_level", "2", &text, text.count)
        guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &text, text.count)
        else { throw NotStarted() }
        guard let cluster = rd_kafka_mock_cluster_new(handle, 1) else { throw NotStarted() }
        self.handle = handle
        self.cluster = cluster
        bootstrap = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
        for (name, count) in topics { rd_kafka_mock_topic_create(cluster, name, count, 1) }
    }

    /// Its threads are waited for, up to a second: on a thread of its own, not on one of the few that run Swift's tasks.
    deinit {
        // Nobody else has them any more.
        nonisolated(unsafe) let (cluster, handle) = (cluster, handle)
        Thread.detachNewThread {
            rd_kafka_mock_cluster_destroy(cluster)
            rd_kafka_destroy(handle)
        }
    }

    enum API: Int16 { case produce = 0, fetch = 1, heartbeat = 12 }

    /// The next requests of this kind are answered with these errors, one each.
    func fail(_ api: API, with errors: [rd_kafka_resp_err_t]) {
        rd_kafka_mock_push_request_errors_array(cluster, api.rawValue, errors.count, errors)
    }

    func takeDown() { rd_kafka_mock_broker_set_down(cluster, 1) }
    func bringUp() { rd_kafka_mock_broker_set_up(cluster, 1) }

    func producer(_ entries: [String: String] = [:]) throws(KafkaError) -> KafkaProducer {
        let fixed = ["bootstrap.servers": bootstrap, "linger.ms": "1"]
        return try KafkaProducer(KafkaSettings(fixed.merging(entries) { $1 }), logger: quietLogger)
    }

    func consumer(
        group: String,
        topics: [String] = ["t"],
        _ entries: [String: String] = [:]
    ) throws(KafkaError) -> KafkaConsumer {
        // The mock lets a rebalance wait for session.timeout.ms less a second.
        let fixed = [
            "bootstrap.servers": bootstrap, "group.id": group, "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "200", "fetch.wait.max.ms": "10", "auto.commit.interval.ms": "200",
        ]
        return try KafkaConsumer(
            KafkaSettings(fixed.merging(entries) { $1 }),
            topics: topics,
            logger: quietLogger
        )
    }

    /// `count` records without a key order to speak of, all acknowledged.
    func fill(_ topic: String = "t", count: Int, keys: Int = 1) async throws {
        let producer = try producer()
        let reports = await producer.produce(numbered(0..<count, topic: topic, keys: keys))
        await producer.close(flushLimit: .seconds(5))
        guard reports.areAllAcked else { throw NotStarted() }
    }
}

let quietLogger: Logger = {
    var logger = Logger(label: "kafka.test")
    logger.logLevel = .critical
    return logger
}()

/// Records whose value is their number as text; number n has key n % keys.
func numbered(_ numbers: Range<Int>, topic: String = "t", keys: Int = 1) -> [ProducerRecord] {
    numbers.map { number in
        ProducerRecord(topic: topic, key: Array("k\(number % keys)".utf8), value: Array("\(number)".utf8))
    }
}

extension DeliveryReport {
    var isAcked: Bool { if case .acked = self { true } else { false } }
    var error: KafkaError? { if case .failed(let error) = self { error } else { nil } }
}

extension ConsumerRecord {
    var number: Int { value.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? -1 }
}

extension KafkaConsumer {
    /// Reads until `count` records came, answering each assignment with `start` for every partition.
    func read(_ count: Int, from start: Int64? = 0) async -> [ConsumerRecord] {
        var read: [ConsumerRecord] = []
        guard count > 0 else { return read }
        for await event in self {
            switch event {
            case .assigned(let partitions):
                assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, start) }))
            case .records(let records): read += records
            case .revoked(_, let acknowledgement): acknowledgement.done()
            case .lost, .failed: break
            }
            if read.count >= count { break }
        }
        return read
    }
}

extension [DeliveryReport] {
    var areAllAcked: Bool { !contains { $0.error != nil } }
}
