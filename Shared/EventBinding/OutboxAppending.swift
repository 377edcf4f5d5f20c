public import Correlation
public import EventContracts
public import PostgresClient
public import TransactionalOutbox

extension Outbox {
    /// Appends one of our events in the transaction of the change it tells of.
    ///
    /// - Parameters:
    ///   - topic: unless the event's own.
    ///   - traceparent: of the work under way, unless told.
    /// - Throws: `.invalidValue` when the event is outside the contract's bounds; requests are held to the same
    ///   bounds, so this means a defect, and the transaction must roll back.
    public static func append(
        _ event: FileEvent,
        to topic: String? = nil,
        traceparent: String? = TraceContext.current?.header,
        in tx: borrowing Transaction
    ) throws(DatabaseError) {
        let row: OutboxEvent
        do {
            let encoded = try event.encoded(traceparent: traceparent)
            row = try OutboxEvent(
                id: encoded.id,
                topic: topic ?? encoded.topic.name,
                key: encoded.key,
                version: encoded.version,
                headers: encoded.headers.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) },
                payload: encoded.payload
            )
        } catch { throw .invalidValue("the event cannot be written: \(error)") }
        try append(row, in: tx)
    }
}
