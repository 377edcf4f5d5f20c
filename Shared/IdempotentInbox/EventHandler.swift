public import PostgresClient

/// A record of the log, as a consumer read it.
public struct InboundRecord: Sendable {
    public let topic: String
    public let partition: Int32
    public let offset: Int64
    public let key: [UInt8]?
    public let value: [UInt8]?
    public let headers: [(name: String, value: [UInt8])]

    public init(
        topic: String,
        partition: Int32,
        offset: Int64,
        key: [UInt8]?,
        value: [UInt8]?,
        headers: [(name: String, value: [UInt8])]
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// What a record turned out to be.
public enum Decoded<Event: Sendable>: Sendable {
    /// - Parameter id: the same for every copy of one event.
    case event(Event, id: String)
    /// Not for this consumer: counted, then passed over.
    case skipped(reason: String)
    /// Never readable: parked with its bytes.
    case unreadable(reason: String)
}

/// What a service does with events.
public protocol EventHandler<Event>: Sendable {
    associatedtype Event: Sendable

    /// Pure. Must not trap whatever the bytes are.
    func decode(_ record: InboundRecord) -> Decoded<Event>

    /// Applies events in the order given. Called at least once per event; every effect goes through `tx` and
    /// shares its fate. Returning commits, throwing rolls back: a transient `DatabaseError` is tried again for
    /// ever, anything else makes the record wait in the parking place after some tries.
    func apply(_ events: [Event], in tx: borrowing Transaction) async throws

    /// The same for events that nothing is expected to be known of: what is inserted for one that begins its subject may be inserted
    /// without looking first. A violated unique constraint rolls back; the events then come again, through `apply`.
    func applyNew(_ events: [Event], in tx: borrowing Transaction) async throws

    /// Whether a copy of an event that was applied before is applied once more: for events that ask for something
    /// and are sent again when no answer came. Applying a copy must then be harmless.
    func isRepeatable(_ event: Event) -> Bool
}

extension EventHandler {
    public func applyNew(_ events: [Event], in tx: borrowing Transaction) async throws {
        try await apply(events, in: tx)
    }

    public func isRepeatable(_ event: Event) -> Bool { false }
}
