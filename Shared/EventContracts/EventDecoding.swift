import Correlation
import Determinism
import FoundationEssentials

/// What a record on one of our topics turned out to be.
public enum DecodedEvent: Equatable, Sendable {
    case event(FileEvent)
    /// A well-formed CloudEvent of a type this build does not know: counted and skipped.
    case unknownType(String)
    /// Never readable: parked with its bytes. The reason quotes no field values.
    case unreadable(reason: String)
}

extension DecodedEvent {
    /// Reads a Kafka record. Unknown JSON fields and headers are ignored, required ones must be there and in bounds,
    /// and key, subject, id and source must be those the payload calls for. Never throws, never traps.
    public init(key: [UInt8]?, headers: [EventHeader], payload: [UInt8]?) {
        do {
            let envelope = try EventEnvelope(headers: headers)
            guard let type = EventType(rawValue: envelope.type) else {
                self = .unknownType(envelope.type)
                return
            }
            var event = try FileEvent(type, payload: payload)
            try event.match(envelope, key: key)
            event.trace = envelope.traceparent.flatMap { TraceContext($0) }
            self = .event(event)
        } catch {
            self = .unreadable(reason: error.reason)
        }
    }
}

extension FileEvent {
    fileprivate init(_ type: EventType, payload: [UInt8]?) throws(UnreadableEvent) {
        guard let payload else { throw UnreadableEvent("the record has no value") }
        guard payload.count <= EventLimits.payloadBytes else {
            throw UnreadableEvent("the payload is above \(EventLimits.payloadBytes) bytes")
        }
        do {
            if let flat = FlatJSON(payload), let event = try? Self.read(type, .flat(flat)) {
                self = event
            } else {
                self = try Self.read(type, .json(Data(payload)))
            }
            try check()
        } catch let error as DecodingError {
            throw UnreadableEvent(sentence(for: error))
        } catch {
            throw UnreadableEvent("payload: \(error)")
        }
    }

    private static func read(_ type: EventType, _ json: Payload) throws -> FileEvent {
        switch type {
        case .fileStored: try read(json) { .stored($0) }
        case .fileDeleted: try read(json) { .deleted($0) }
        case .fileRestored: try read(json) { .restored($0) }
        case .filePurging: try read(json) { .purging($0) }
        case .filePurged: try read(json) { (_: NoFields) in .purged }
        case .fileQuarantined: try read(json) { .quarantined($0) }
        case .uploadDiscarded: try read(json) { .uploadDiscarded($0) }
        case .objectQuarantined: try read(json) { .objectQuarantined($0) }
        case .objectUnquarantined: try read(json) { .objectUnquarantined($0) }
        case .multipartLeaked: try read(json) { .multipartLeaked($0) }
        case .fileIndexed: try read(json) { .indexed($0) }
        case .fileRejected: try read(json) { .rejected($0) }
        case .fileBytesRemoved: try read(json) { .bytesRemoved($0) }
        case .fileRemovalStalled: try read(json) { .removalStalled($0) }
        case .uploadBytesRemoved: try read(json) { .uploadBytesRemoved($0) }
        case .objectTrashed: try read(json) { .objectTrashed($0) }
        case .objectRestored: try read(json) { .objectRestored($0) }
        case .objectKept: try read(json) { .objectKept($0) }
        case .multipartAborted: try read(json) { .multipartAborted($0) }
        }
    }

    private static func read<Fields: Codable>(
        _ json: Payload,
        _ detail: (Fields) -> Detail
    ) throws -> FileEvent {
        let body: EventBody<Fields> = try json.body()
        return FileEvent(head: body.head, detail: detail(body.fields))
    }

    /// A record filed under another file's key, or with another event's id, would break order or be taken for a repeat.
    fileprivate func match(_ envelope: EventEnvelope, key recordKey: [UInt8]?) throws(UnreadableEvent) {
        guard let recordKey, recordKey.elementsEqual(key.utf8) else {
            throw UnreadableEvent("the record's key is not the payload's file_id")
        }
        guard envelope.subject == key else {
            throw UnreadableEvent("ce_subject is not the payload's file_id")
        }
        guard envelope.id == id else { throw UnreadableEvent("ce_id is not the one the payload calls for") }
        guard envelope.source == type.topic.source else {
            throw UnreadableEvent("ce_source is not that of \(type.rawValue)")
        }
    }
}

private enum Payload {
    case flat(FlatJSON)
    case json(Data)

    func body<Fields: Codable>() throws -> EventBody<Fields> {
        switch self {
        case .flat(let json): try EventBody(from: FlatJSONDecoder(json: json))
        case .json(let data): try JSONDecoder().decode(EventBody<Fields>.self, from: data)
        }
    }
}

private let notJSON = "the payload is not JSON, or a number in it does not fit"

private func sentence(for error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): return "payload: \(key.stringValue) is missing"
    case .valueNotFound(_, let context): return "payload: \(field(context)) is null"
    case .typeMismatch(_, let context): return "payload: \(field(context)) has the wrong type"
    case .dataCorrupted(let context):
        // The decoder names no field when a number does not fit.
        let isNamed = !context.codingPath.isEmpty
        return isNamed ? "payload: \(field(context)) cannot be read" : notJSON
    @unknown default: return "the payload cannot be read"
    }
}

private func field(_ context: DecodingError.Context) -> String {
    context.codingPath.last?.stringValue ?? "the whole"
}
