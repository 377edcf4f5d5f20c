import Correlation
public import Determinism
public import Logging

/// One JSON object per line: `ts` (RFC 3339, UTC), `level`, `logger`, `msg`, then the metadata as strings, with
/// `trace_id` when the line is about work somebody outside asked for.
public struct JSONLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level

    private let label: String
    private let output: LogOutput
    private let time: any TimeSource

    /// - Parameter label: becomes the `logger` field.
    public init(label: String, level: Logger.Level, output: LogOutput, time: any TimeSource) {
        self.label = label
        self.logLevel = level
        self.output = output
        self.time = time
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let fields = fields(of: event)
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line += "{\"ts\":\"\(time.now.rfc3339)\",\"level\":\"\(event.level.rawValue)\",\"logger\":".utf8
        JSONText.append(label, to: &line)
        line += ",\"msg\":".utf8
        JSONText.append(event.message.description, to: &line)
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            line.append(UInt8(ascii: ","))
            // A key that would repeat one of the line's own fields is kept apart.
            JSONText.append(Self.ownKeys.contains(key) ? "meta_\(key)" : key, to: &line)
            line.append(UInt8(ascii: ":"))
            append(value, to: &line)
        }
        line += "}\n".utf8
        output.write(line)
    }

    /// What is said later holds; most lines bring all their fields themselves.
    private func fields(of event: LogEvent) -> Logger.Metadata {
        var surroundings = metadata
        if let trace = TraceContext.current { surroundings["trace_id"] = .string(trace.traceID) }
        if let provided = metadataProvider?.get() { surroundings.merge(provided) { _, new in new } }
        var fields = event.metadata ?? [:]
        if !surroundings.isEmpty { fields.merge(surroundings) { given, _ in given } }
        if let error = event.error { fields["error"] = "\(error)" }
        return fields
    }

    private static let ownKeys: Set<String> = ["ts", "level", "logger", "msg"]

    private func append(_ value: Logger.MetadataValue, to line: inout [UInt8]) {
        switch value {
        case .string(let text): JSONText.append(text, to: &line)
        // The first two spare most numbers the search for a conformance.
        case .stringConvertible(let number as Int): line += "\(number)".utf8
        case .stringConvertible(let number as Int64): line += "\(number)".utf8
        case .stringConvertible(let number as any FixedWidthInteger): line += "\(number)".utf8
        case .stringConvertible(let other): JSONText.append(other.description, to: &line)
        case .array(let values):
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                append(value, to: &line)
            }
            line.append(UInt8(ascii: "]"))
        case .dictionary(let values):
            line.append(UInt8(ascii: "{"))
            for (index, pair) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                JSONText.append(pair.key, to: &line)
                line.append(UInt8(ascii: ":"))
                append(pair.value, to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
    }
}
