/// An event on its way to the log.
public struct OutboxEvent: Equatable, Sendable {
    /// The same for every copy of one event, so that consumers can drop repeats.
    public let id: String
    public let topic: String
    /// The aggregate's id. Events of one key stay in order.
    public let key: String
    /// The aggregate's version after the change this event tells of; 1 or more, ascending per key.
    public let version: Int64
    /// Names and values, in the order they are sent.
    public let headers: [(name: String, value: String)]
    /// At most `OutboxEvent.payloadBytesLimit` bytes.
    public let payload: [UInt8]

    /// Half of Kafka's default `message.max.bytes`, so that a broker with default settings takes every event.
    public static let payloadBytesLimit = 524_288

    public init(
        id: String,
        topic: String,
        key: String,
        version: Int64,
        headers: [(name: String, value: String)],
        payload: [UInt8]
    ) throws(OversizeEvent) {
        guard payload.count <= Self.payloadBytesLimit else { throw OversizeEvent(byteCount: payload.count) }
        self.id = id
        self.topic = topic
        self.key = key
        self.version = version
        self.headers = headers
        self.payload = payload
    }

    public static func == (left: OutboxEvent, right: OutboxEvent) -> Bool {
        left.id == right.id && left.topic == right.topic && left.key == right.key
            && left.version == right.version && left.payload == right.payload
            && left.headers.elementsEqual(right.headers, by: ==)
    }
}

/// The payload is over `OutboxEvent.payloadBytesLimit`. Nothing was written.
public struct OversizeEvent: Error, Equatable, Sendable { public let byteCount: Int }
