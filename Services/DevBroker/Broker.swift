import CDevBrokerPort
import CRdkafka

/// librdkafka's mock cluster with one broker, and the idle handle it needs.
///
/// Not `Sendable`: made, and ended with ``stop()``, by the main thread.
final class Broker {
    let port: UInt16
    private let handle: OpaquePointer
    private let cluster: OpaquePointer

    /// - Throws: when the port is taken or a topic cannot be made.
    init(port wanted: UInt16, topics: [Options.Topic]) throws(Refusal) {
        // librdkafka 2.0.2 ends the process when its mock cannot bind, so ask first.
        guard isFree(wanted) else { throw Refusal("port \(wanted) is taken") }
        var text = [CChar](repeating: 0, count: 512)
        let configuration = rd_kafka_conf_new()
        // The idle handle would warn that it has no brokers to connect to.
        rd_kafka_conf_set(configuration, "log_level", "3", &text, text.count)
        guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &text, text.count) else {
            rd_kafka_conf_destroy(configuration)  // taken over only by a success
            let reason = text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            throw Refusal("librdkafka: \(String(decoding: reason, as: UTF8.self))")
        }
        cdevbrokerport_choose(wanted)
        guard let cluster = rd_kafka_mock_cluster_new(handle, 1) else {
            rd_kafka_destroy(handle)
            throw Refusal("no broker could be started")
        }
        do throws(Refusal) {
            port = try Self.port(of: cluster, wanted: wanted)
            try Self.create(topics, in: cluster)
        } catch {
            rd_kafka_mock_cluster_destroy(cluster)
            rd_kafka_destroy(handle)
            throw error
        }
        self.handle = handle
        self.cluster = cluster
    }

    func stop() {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(handle)
    }

    private static func port(of cluster: OpaquePointer, wanted: UInt16) throws(Refusal) -> UInt16 {
        let address = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
        guard let port = address.split(separator: ":").last.flatMap({ UInt16($0) }),
            wanted == 0 || port == wanted
        else { throw Refusal("listening on \(address) instead of port \(wanted)") }
        return port
    }

    private static func create(_ topics: [Options.Topic], in cluster: OpaquePointer) throws(Refusal) {
        for topic in topics {
            let code = rd_kafka_mock_topic_create(cluster, topic.name, topic.partitionCount, 1)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw Refusal("topic \(topic.name): \(String(cString: rd_kafka_err2str(code)))")
            }
        }
    }
}
