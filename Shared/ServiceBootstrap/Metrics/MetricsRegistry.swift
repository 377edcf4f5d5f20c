import Synchronization

/// One value read when `/metrics` is asked for.
public struct Sample: Sendable {
    public let labels: [String]
    public let value: Double

    /// - Parameter labels: in the order of the metric's label names.
    public init(_ value: Double, labels: [String] = []) {
        self.value = value
        self.labels = labels
    }
}

/// The metrics of one program, rendered as Prometheus text.
///
/// Asking twice for the same name, kind and labels gives the same metric. The same name with another kind or other
/// labels is a mistake of the program: it stops debug builds and is left out of the rendering otherwise.
public final class MetricsRegistry: Sendable {
    private let families = Mutex<[String: any RenderedFamily]>([:])

    public init() {}

    public func counter(_ name: String, help: String, labels: [String] = []) -> MetricFamily<Counter> {
        register(MetricFamily(Self.legal(name), help: help, labelNames: labels.map(Self.legal)) { Counter() })
    }

    public func gauge(_ name: String, help: String, labels: [String] = []) -> MetricFamily<Gauge> {
        register(MetricFamily(Self.legal(name), help: help, labelNames: labels.map(Self.legal)) { Gauge() })
    }

    /// - Parameter buckets: upper limits; sorted, and +Inf is added.
    public func histogram(
        _ name: String,
        help: String,
        labels: [String] = [],
        buckets: [Double] = MetricsRegistry.latencyBuckets
    ) -> MetricFamily<Histogram> {
        let bounds = buckets.filter(\.isFinite).sorted()
        return register(
            MetricFamily(Self.legal(name), help: help, labelNames: labels.map(Self.legal)) {
                Histogram(bounds: bounds)
            }
        )
    }

    /// A gauge whose values are read at scrape time. `read` must be quick: it holds up the scrape.
    public func gauge(
        _ name: String,
        help: String,
        labels: [String] = [],
        read: @escaping @Sendable () async -> [Sample]
    ) {
        addCallback(name, help, "gauge", labels, read)
    }

    /// A counter kept elsewhere, read at scrape time.
    public func counter(
        _ name: String,
        help: String,
        labels: [String] = [],
        read: @escaping @Sendable () async -> [Sample]
    ) {
        addCallback(name, help, "counter", labels, read)
    }

    private func addCallback(
        _ name: String,
        _ help: String,
        _ kind: String,
        _ labels: [String],
        _ read: @escaping @Sendable () async -> [Sample]
    ) {
        _ = register(
            CallbackFamily(
                name: Self.legal(name),
                help: help,
                kind: kind,
                labelNames: labels.map(Self.legal),
                read: read
            )
        )
    }

    /// Text exposition format 0.0.4, families sorted by name.
    ///
    /// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    public func renderPrometheusText() async -> String {
        var text = PrometheusText()
        for family in families.withLock({ $0.values.sorted { $0.name < $1.name } }) {
            await family.render(into: &text)
        }
        return text.output
    }

    /// Seconds, from 1 ms to a minute.
    public static let latencyBuckets = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    private func register<Family: RenderedFamily>(_ family: Family) -> Family {
        families.withLock { families in
            guard let known = families[family.name] else {
                families[family.name] = family
                return family
            }
            if let same = known as? Family, same.labelNames == family.labelNames { return same }
            assertionFailure("metric \(family.name) is registered twice in different shapes")
            return family
        }
    }

    /// Metric and label names: `[a-zA-Z_][a-zA-Z0-9_]*`; anything else becomes an underscore.
    private static func legal(_ name: String) -> String {
        var result = ""
        for character in name.unicodeScalars {
            let isLetter = character.isASCII && (character.properties.isAlphabetic || character == "_")
            let isDigit = ("0"..."9").contains(character)
            if isDigit && result.isEmpty { result.append("_") }
            result.unicodeScalars.append(isLetter || isDigit ? character : "_")
        }
        return result.isEmpty ? "_" : result
    }
}
