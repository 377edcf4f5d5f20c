import SortedJSON

/// An event as it goes into the outbox and, unchanged, to Kafka.
public struct EncodedEvent: Sendable {
    public let topic: Topic
    /// CloudEvents `id`; the same for every copy of one event.
    public let id: String
    public let key: String
    public let version: Int64
    public let type: EventType
    public let headers: [EventHeader]
    /// JSON with sorted keys; the same bytes for every copy of one event.
    public let payload: [UInt8]
}

extension FileEvent {
    /// - Parameter traceparent: of the request that caused the event, so that one trace spans both services.
    /// - Throws: when a field is outside its bounds or the payload above 64 KiB; checked here, before the row is
    ///   appended, because the relay could not get rid of it.
    public func encoded(traceparent: String? = nil) throws(EventRefusal) -> EncodedEvent {
        try check()
        let payload: [UInt8]
        do { payload = try encodedPayload() } catch { throw .notEncodable("\(error)") }
        guard payload.count <= EventLimits.payloadBytes else {
            throw .payloadTooLarge(byteCount: payload.count)
        }
        let envelope = EventEnvelope(
            id: id,
            source: type.topic.source,
            type: type.rawValue,
            subject: key,
            time: occurredAt,
            traceparent: traceparent
        )
        return EncodedEvent(
            topic: type.topic,
            id: id,
            key: key,
            version: version,
            type: type,
            headers: envelope.headers,
            payload: payload
        )
    }

    private func encodedPayload() throws -> [UInt8] {
        switch detail {
        case .stored(let fields), .restored(let fields): try json(fields)
        case .deleted(let fields): try json(fields)
        case .purging(let fields): try json(fields)
        case .purged: try json(NoFields())
        case .quarantined(let fields): try json(fields)
        case .uploadDiscarded(let fields): try json(fields)
        case .objectQuarantined(let fields): try json(fields)
        case .objectUnquarantined(let fields): try json(fields)
        case .multipartLeaked(let fields): try json(fields)
        case .indexed(let fields): try json(fields)
        case .rejected(let fields): try json(fields)
        case .bytesRemoved(let fields): try json(fields)
        case .removalStalled(let fields): try json(fields)
        case .uploadBytesRemoved(let fields): try json(fields)
        case .objectTrashed(let fields): try json(fields)
        case .objectRestored(let fields): try json(fields)
        case .objectKept(let fields): try json(fields)
        case .multipartAborted(let fields): try json(fields)
        }
    }

    private func json(_ fields: some Codable) throws -> [UInt8] {
        try SortedJSON.bytes(of: EventBody(head: head, fields: fields))
    }
}

/// Common and own fields side by side in one JSON object.
struct EventBody<Fields: Codable>: Codable {
    let head: EventHead
    let fields: Fields

    init(head: EventHead, fields: Fields) {
        self.head = head
        self.fields = fields
    }

    init(from decoder: any Decoder) throws {
        head = try EventHead(from: decoder)
        fields = try Fields(from: decoder)
    }

    func encode(to encoder: any Encoder) throws {
        try head.encode(to: encoder)
        try fields.encode(to: encoder)
    }
}

/// `file.purged` says nothing beyond the common fields.
struct NoFields: Codable {}
