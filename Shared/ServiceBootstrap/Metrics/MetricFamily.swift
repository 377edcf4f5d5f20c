import Synchronization

/// All series of one metric: the same name and label names, one instrument for each combination of label values.
public final class MetricFamily<Instrument: Sendable>: Sendable {
    let name: String
    let help: String
    let labelNames: [String]
    private let make: @Sendable () -> Instrument
    private let series = Mutex<[[String]: Instrument]>([:])

    /// More series than this make the registry, not the system, the problem; further ones share the label value `other`.
    static var seriesLimit: Int { 2_000 }

    init(_ name: String, help: String, labelNames: [String], make: @escaping @Sendable () -> Instrument) {
        self.name = name
        self.help = help
        self.labelNames = labelNames
        self.make = make
    }

    /// The instrument for these label values, in the order of the label names. Missing values read as empty, surplus
    /// ones are dropped. Keep the result where the values are constant: this looks it up under a lock.
    public func labels(_ values: String...) -> Instrument { labels(values) }

    public func labels(_ values: [String]) -> Instrument {
        var key = Array(values.prefix(labelNames.count))
        while key.count < labelNames.count { key.append("") }
        return series.withLock { series in
            if let known = series[key] { return known }
            if series.count >= Self.seriesLimit { key = key.map { _ in "other" } }
            if let known = series[key] { return known }
            let fresh = make()
            series[key] = fresh
            return fresh
        }
    }

    /// Sorted, so that two scrapes compare line by line.
    var snapshot: [(values: [String], instrument: Instrument)] {
        series.withLock { $0.map { (values: $0.key, instrument: $0.value) } }
            .sorted { $0.values.lexicographicallyPrecedes($1.values) }
    }
}
