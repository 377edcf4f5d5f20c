/// A family that can write itself.
protocol RenderedFamily: Sendable {
    var name: String { get }
    var labelNames: [String] { get }
    func render(into text: inout PrometheusText) async
}

/// Writes the lines of the exposition format, escaped as it demands.
struct PrometheusText {
    private(set) var output = ""

    mutating func header(_ name: String, help: String, kind: String) {
        let escaped = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        output += "# HELP \(name) \(escaped)\n# TYPE \(name) \(kind)\n"
    }

    mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: String) {
        output += name
        if !labels.isEmpty {
            output += "{"
            output += labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
            output += "}"
        }
        output += " \(value)\n"
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension MetricFamily: RenderedFamily {
    func render(into text: inout PrometheusText) {
        let kind =
            Instrument.self == Counter.self
            ? "counter" : Instrument.self == Gauge.self ? "gauge" : "histogram"
        text.header(name, help: help, kind: kind)
        for (values, instrument) in snapshot {
            let labels = zip(labelNames, values).map { (name: $0, value: $1) }
            switch instrument {
            case let counter as Counter: text.sample(name, labels, String(counter.value))
            case let gauge as Gauge: text.sample(name, labels, PrometheusText.number(gauge.value))
            case let histogram as Histogram: render(histogram, labels, into: &text)
            default: continue
            }
        }
    }

    private func render(
        _ histogram: Histogram,
        _ labels: [(name: String, value: String)],
        into text: inout PrometheusText
    ) {
        let (counts, sum) = histogram.snapshot
        var cumulative: UInt64 = 0
        for (count, bound) in zip(counts, histogram.bounds + [.infinity]) {
            cumulative &+= count
            let limit = (name: "le", value: PrometheusText.number(bound))
            text.sample("\(name)_bucket", labels + [limit], String(cumulative))
        }
        text.sample("\(name)_sum", labels, PrometheusText.number(sum))
        text.sample("\(name)_count", labels, String(cumulative))
    }
}

/// A metric whose values live elsewhere.
struct CallbackFamily: RenderedFamily {
    let name: String
    let help: String
    let kind: String
    let labelNames: [String]
    let read: @Sendable () async -> [Sample]

    func render(into text: inout PrometheusText) async {
        text.header(name, help: help, kind: kind)
        for sample in await read() {
            text.sample(
                name,
                zip(labelNames, sample.labels).map { (name: $0, value: $1) },
                PrometheusText.number(sample.value)
            )
        }
    }
}
