import PostgresClient
import ServiceBootstrap

/// What the sweep counts, and what is left to do.
struct PublicationFigures: Sendable {
    private let notes: Counter
    private let repeats: Counter
    private let failures: Counter

    init(_ metrics: MetricsRegistry) {
        notes = metrics.counter(
            "waybill_publication_noted_total",
            help: "Files of which a newer version was seen to be published."
        ).labels()
        repeats = metrics.counter(
            "waybill_publication_healed_total",
            help: "Events that were missing and were appended again by the sweep. Each is a defect somewhere."
        ).labels()
        failures = metrics.counter(
            "waybill_publication_failures_total",
            help: "Passes of the sweep that ended early."
        ).labels()
    }

    func noted(_ count: Int) { if count > 0 { notes.increment(by: count) } }
    func toldAgain(_ count: Int) { repeats.increment(by: count) }
    func failed() { failures.increment() }

    /// Gaps that outlive the sweep, whoever runs it: looked up when somebody asks.
    static func addGaps(
        to metrics: MetricsRegistry,
        patience: Duration,
        limit: Int = 1_000,
        on pool: PostgresPool
    ) {
        metrics.gauge(
            "waybill_publication_gaps",
            help:
                "Files whose newest version is neither on the topic nor on its way there; 1000 means or more."
        ) {
            let gaps = try? await PublicationStore.gaps(
                after: nil,
                olderThan: patience,
                limit: limit,
                scanLimit: 20_000,
                on: pool
            )
            return gaps.map { [Sample(Double($0.count))] } ?? []
        }
    }
}
