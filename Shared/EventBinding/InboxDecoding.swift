public import EventContracts
public import IdempotentInbox

extension Decoded<FileEvent> {
    /// What a record of one of our topics is to a consumer.
    public init(_ record: InboundRecord) {
        switch DecodedEvent(key: record.key, headers: record.headers, payload: record.value) {
        case .event(let event): self = .event(event, id: event.id)
        case .unknownType(let type): self = .skipped(reason: "unknown type \(type)")
        case .unreadable(let reason): self = .unreadable(reason: reason)
        }
    }
}
