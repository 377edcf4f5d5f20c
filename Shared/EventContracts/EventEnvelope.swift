import Correlation
public import Determinism

/// One Kafka header.
public typealias EventHeader = (name: String, value: [UInt8])

/// The CloudEvents attributes of one event, as they travel in Kafka headers.
///
/// Source: CloudEvents 1.0.2 and its Kafka protocol binding, section 3.2 (binary content mode).
public struct EventEnvelope: Equatable, Sendable {
    public let id: String
    public let source: String
    public let type: String
    public let subject: String?
    public let time: Timestamp?
    /// W3C Trace Context; nil when absent or malformed, which costs a link in a trace and nothing else.
    public let traceparent: String?

    public init(
        id: String,
        source: String,
        type: String,
        subject: String?,
        time: Timestamp?,
        traceparent: String?
    ) {
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.time = time
        self.traceparent = traceparent.flatMap { TraceContext($0)?.header }
    }

    /// In alphabetical order.
    public var headers: [EventHeader] {
        let named: [(String, String?)] = [
            ("ce_id", id), ("ce_source", source), ("ce_specversion", "1.0"), ("ce_subject", subject),
            ("ce_time", time?.rfc3339), ("ce_type", type), ("content-type", "application/json"),
            ("traceparent", traceparent),
        ]
        return named.compactMap { name, value in value.map { (name, Array($0.utf8)) } }
    }

    /// Unknown headers are ignored; of a repeated one the first counts.
    public init(headers: [EventHeader]) throws(UnreadableEvent) {
        func optional(_ name: String) throws(UnreadableEvent) -> String? {
            guard let header = headers.first(where: { $0.name == name }) else { return nil }
            guard header.value.count <= 1_024, let text = header.value.withUnsafeBufferPointer(utf8Text)
            else {
                throw UnreadableEvent("header \(name) is longer than 1024 bytes or not UTF-8")
            }
            return text
        }
        func required(_ name: String) throws(UnreadableEvent) -> String {
            guard let text = try optional(name), !text.isEmpty else {
                throw UnreadableEvent("header \(name) is missing or empty")
            }
            return text
        }
        guard try required("ce_specversion") == "1.0" else {
            throw UnreadableEvent("header ce_specversion is not 1.0")
        }
        let timeText = try optional("ce_time")
        let time = timeText.flatMap { Timestamp(rfc3339: $0) }
        guard (timeText == nil) == (time == nil) else {
            throw UnreadableEvent("header ce_time is not an RFC 3339 time")
        }
        self.init(
            id: try required("ce_id"),
            source: try required("ce_source"),
            type: try required("ce_type"),
            subject: try optional("ce_subject"),
            time: time,
            traceparent: try? optional("traceparent")
        )
    }
}

/// Why a record cannot be read; reading it again cannot help, so it is parked with this reason.
public struct UnreadableEvent: Error, Equatable, Sendable {
    public let reason: String
    init(_ reason: String) { self.reason = reason }
}
