import CRdkafka
import Foundation
import ServiceBootstrap
import Synchronization

/// Reads a topic from its end on a thread of its own, and notes when it saw each key. The same eyes for both sides.
final class BareConsumer: Sendable {
    private struct State {
        var seenAt: [String: Duration] = [:]
        var isOver = false
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// - Parameter partitionCount: of the topic; all are read.
    init(_ brokers: String, topic: String, partitionCount: Int32) throws {
        let configuration = rd_kafka_conf_new()
        let settings = [
            "bootstrap.servers": brokers, "group.id": "bench", "enable.auto.commit": "false",
            "auto.offset.reset": "latest", "log_level": "2", "socket.nagle.disable": "true",
            // The mock broker answers an empty fetch when its time is over, and not before.
            "fetch.wait.max.ms": "1", "fetch.error.backoff.ms": "1",
        ]
        for (name, value) in settings { rd_kafka_conf_set(configuration, name, value, nil, 0) }
        guard let handle = rd_kafka_new(RD_KAFKA_CONSUMER, configuration, nil, 0) else {
            throw BenchFailure("librdkafka made no consumer")
        }
        rd_kafka_poll_set_consumer(handle)
        let partitions = rd_kafka_topic_partition_list_new(partitionCount)
        for number in 0..<partitionCount {
            let partition = rd_kafka_topic_partition_list_add(partitions, topic, number)
            partition?.pointee.offset = Int64(RD_KAFKA_OFFSET_END)
        }
        rd_kafka_assign(handle, partitions)
        rd_kafka_topic_partition_list_destroy(partitions)
        let box = HandleBox(handle: handle)
        Thread.detachNewThread { self.run(box.handle) }
    }

    /// Sendable because it is handed to the one thread that uses and frees it.
    private struct HandleBox: @unchecked Sendable { let handle: OpaquePointer }

    private func run(_ handle: OpaquePointer) {
        let time = SystemTime()
        while !state.withLock({ $0.isOver }) {
            guard let message = rd_kafka_consumer_poll(handle, 20) else { continue }
            let now = time.uptime
            if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR, let start = message.pointee.key {
                let bytes = UnsafeRawBufferPointer(start: start, count: message.pointee.key_len)
                let key = String(decoding: bytes, as: UTF8.self)
                state.withLock { $0.seenAt[key] = $0.seenAt[key] ?? now }
            }
            rd_kafka_message_destroy(message)
        }
        rd_kafka_consumer_close(handle)
        rd_kafka_destroy(handle)
        state.withLock { $0.hasEnded = true }
    }

    /// When each key was seen first, by the monotonic clock.
    var seenAt: [String: Duration] { state.withLock { $0.seenAt } }

    func stop() async {
        state.withLock { $0.isOver = true }
        try? await eventually(within: .seconds(20), "the consumer ends") { state.withLock { $0.hasEnded } }
    }
}
