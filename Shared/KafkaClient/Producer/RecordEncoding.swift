import CRdkafka

/// What librdkafka said to one record offered to it.
enum ProduceOutcome {
    case accepted
    /// The local queue has no room. Offering a later record now could overtake this one.
    case queueFull
    case refused(KafkaError)
}

enum RecordEncoding {
    /// Offers one record; the library copies key, value and headers.
    ///
    /// One record at a time and not `rd_kafka_produce_batch`: that call goes on after a full queue, and a later
    /// record may find room that appeared in between.
    static func produce(
        _ record: ProducerRecord,
        on handle: OpaquePointer,
        topic: OpaquePointer,
        opaque: UnsafeMutableRawPointer
    ) -> ProduceOutcome {
        let headers = makeHeaders(record.headers)
        let failure = withMemory(record.key) { key in
            withMemory(record.value) { value in
                withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: 6) { fields in
                    fields.initializeElement(at: 0, to: .topic(topic))
                    fields.initializeElement(at: 1, to: .flags(Int32(RD_KAFKA_MSG_F_COPY)))
                    fields.initializeElement(at: 2, to: .opaque(opaque))
                    fields.initializeElement(at: 3, to: .memory(RD_KAFKA_VTYPE_KEY, key, record.key.count))
                    fields.initializeElement(
                        at: 4,
                        to: .memory(RD_KAFKA_VTYPE_VALUE, value, record.value.count)
                    )
                    guard let headers else { return rd_kafka_produceva(handle, fields.baseAddress, 5) }
                    fields.initializeElement(at: 5, to: .headers(headers))
                    return rd_kafka_produceva(handle, fields.baseAddress, 6)
                }
            }
        }
        guard let failure else { return .accepted }  // the library owns the headers now
        defer { rd_kafka_error_destroy(failure) }
        if let headers { rd_kafka_headers_destroy(headers) }
        let code = rd_kafka_error_code(failure)
        if code == RD_KAFKA_RESP_ERR__QUEUE_FULL { return .queueFull }
        return .refused(
            KafkaError(
                code,
                message: String(cString: rd_kafka_error_string(failure)),
                isFatal: rd_kafka_error_is_fatal(failure) != 0
            )
        )
    }

    private static func makeHeaders(_ headers: RecordHeaders) -> OpaquePointer? {
        let count = headers.ends.count / 2
        guard count > 0, let list = rd_kafka_headers_new(count) else { return nil }
        headers.forEach { name, value in
            let start = (name.baseAddress ?? UnsafeRawPointer(nothing)).assumingMemoryBound(to: CChar.self)
            rd_kafka_header_add(
                list,
                start,
                name.count,
                value.baseAddress ?? UnsafeRawPointer(nothing),
                value.count
            )
        }
        return list
    }

    /// Where an empty array points: to librdkafka a null pointer means "no key" or "no value", not an empty one.
    private nonisolated(unsafe) static let nothing = UnsafeMutableRawPointer.allocate(
        byteCount: 1,
        alignment: 1
    )

    private static func withMemory<Result>(
        _ bytes: [UInt8],
        _ body: (UnsafeMutableRawPointer) -> Result
    ) -> Result {
        bytes.withUnsafeBytes {
            body($0.baseAddress.map { UnsafeMutableRawPointer(mutating: $0) } ?? nothing)
        }
    }
}

extension rd_kafka_vu_t {
    fileprivate static func topic(_ topic: OpaquePointer) -> rd_kafka_vu_t {
        var field = rd_kafka_vu_t()
        field.vtype = RD_KAFKA_VTYPE_RKT
        field.u.rkt = topic
        return field
    }

    fileprivate static func flags(_ flags: Int32) -> rd_kafka_vu_t {
        var field = rd_kafka_vu_t()
        field.vtype = RD_KAFKA_VTYPE_MSGFLAGS
        field.u.i = flags
        return field
    }

    fileprivate static func opaque(_ opaque: UnsafeMutableRawPointer) -> rd_kafka_vu_t {
        var field = rd_kafka_vu_t()
        field.vtype = RD_KAFKA_VTYPE_OPAQUE
        field.u.ptr = opaque
        return field
    }

    fileprivate static func headers(_ headers: OpaquePointer) -> rd_kafka_vu_t {
        var field = rd_kafka_vu_t()
        field.vtype = RD_KAFKA_VTYPE_HEADERS
        field.u.headers = headers
        return field
    }

    fileprivate static func memory(
        _ type: rd_kafka_vtype_t,
        _ start: UnsafeMutableRawPointer,
        _ byteCount: Int
    ) -> rd_kafka_vu_t {
        var field = rd_kafka_vu_t()
        field.vtype = type
        field.u.mem.ptr = start
        field.u.mem.size = byteCount
        return field
    }
}
