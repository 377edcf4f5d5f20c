import CRdkafka
import Foundation

/// librdkafka's idempotent producer with nothing around it, set as the relay sets its own. Used by one thread at a time.
final class BareProducer {
    private let handle: OpaquePointer
    private let topic: OpaquePointer
    /// Counts delivery reports; its address is what the library hands to the callback.
    private let reports = UnsafeMutablePointer<Reports>.allocate(capacity: 1)

    struct Reports {
        var delivered = 0
        var failed = 0
    }

    init(_ brokers: String, topic name: String) throws {
        reports.initialize(to: Reports())
        let settings = [
            "bootstrap.servers": brokers, "enable.idempotence": "true", "acks": "all",
            "message.timeout.ms": "0",
            "partitioner": "murmur2_random", "linger.ms": "5", "socket.nagle.disable": "true",
            "queue.buffering.max.messages": "1000000",
        ]
        let configuration = rd_kafka_conf_new()
        for (name, value) in settings { rd_kafka_conf_set(configuration, name, value, nil, 0) }
        rd_kafka_conf_set_opaque(configuration, reports)
        rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, opaque in
            guard let message, let reports = opaque?.assumingMemoryBound(to: Reports.self) else { return }
            if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                reports.pointee.delivered += 1
            } else {
                reports.pointee.failed += 1
            }
        }
        guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0) else {
            rd_kafka_conf_destroy(configuration)
            throw BenchFailure("librdkafka made no producer")
        }
        guard let topic = rd_kafka_topic_new(handle, name, nil) else {
            rd_kafka_destroy(handle)
            throw BenchFailure("librdkafka made no topic")
        }
        self.handle = handle
        self.topic = topic
    }

    deinit {
        rd_kafka_topic_destroy(topic)
        rd_kafka_destroy(handle)
        reports.deallocate()
    }

    /// Hands the records over and returns when all of them are acknowledged.
    func produce(_ records: [BareRecord]) throws {
        begin()
        for record in records { try hand(over: record) }
        try finish(records.count)
    }

    /// Forgets what was acknowledged before.
    func begin() { reports.pointee = Reports() }

    /// Returns when all of `count` records since `begin` are acknowledged.
    func finish(_ count: Int) throws {
        rd_kafka_flush(handle, 120_000)
        let seen = reports.pointee
        guard seen.delivered == count else {
            throw BenchFailure(
                "\(seen.delivered) of \(count) records were acknowledged, \(seen.failed) failed"
            )
        }
    }

    private func hand(over record: BareRecord) throws {
        let headers = rd_kafka_headers_new(record.headers.count)
        for (name, value) in record.headers {
            rd_kafka_header_add(headers, name, name.utf8.count, value, value.count)
        }
        try record.key.withUnsafeBytes { key in
            try record.value.withUnsafeBytes { try hand(over: key, $0, headers) }
        }
    }

    /// Waits as long as the library's queue is full. The bytes are copied; `headers` belong to the library from now on.
    func hand(
        over key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        _ headers: OpaquePointer?
    ) throws {
        while try !offer(key, value, headers) { rd_kafka_poll(handle, 10) }
        rd_kafka_poll(handle, 0)
    }

    /// - Returns: false when the library's queue is full.
    private func offer(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        _ headers: OpaquePointer?
    ) throws -> Bool {
        var fields = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 5)
        fields[0].vtype = RD_KAFKA_VTYPE_RKT
        fields[0].u.rkt = topic
        fields[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS
        fields[1].u.i = Int32(RD_KAFKA_MSG_F_COPY)
        fields[2].vtype = RD_KAFKA_VTYPE_HEADERS
        fields[2].u.headers = headers
        fields[3].vtype = RD_KAFKA_VTYPE_KEY
        fields[3].u.mem = .init(ptr: UnsafeMutableRawPointer(mutating: key.baseAddress), size: key.count)
        fields[4].vtype = RD_KAFKA_VTYPE_VALUE
        fields[4].u.mem = .init(ptr: UnsafeMutableRawPointer(mutating: value.baseAddress), size: value.count)
        guard let failure = rd_kafka_produceva(handle, fields, fields.count) else { return true }
        defer { rd_kafka_error_destroy(failure) }
        guard rd_kafka_error_code(failure) == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
            rd_kafka_headers_destroy(headers)
            throw BenchFailure(
                "librdkafka refused a record: \(String(cString: rd_kafka_error_string(failure)))"
            )
        }
        return false
    }
}

/// A record as it travels.
struct BareRecord: Sendable {
    let key: [UInt8]
    let value: [UInt8]
    let headers: [(name: String, value: [UInt8])]
}

/// Lends a producer to threads. Sendable because rounds come one after the other, and each waits for its thread to end.
struct ProducerLoan: @unchecked Sendable {
    private let producer: BareProducer

    init(_ brokers: String, topic: String) throws { producer = try BareProducer(brokers, topic: topic) }

    func produce(_ records: [BareRecord]) async throws {
        try await onThread { Result { try producer.produce(records) } }.get()
    }

    /// Publishes `count` rows that `transaction` wrote into the outbox of `database`.
    func relay(_ transaction: String, _ count: Int, from database: String) async throws {
        try await onThread {
            Result { try BareRelay(database, producer).publish(transaction, count) }
        }.get()
    }
}
