import ServiceBootstrap

/// What the metrics say of repairs.
struct RepairFigures: Sendable {
    private let items: MetricFamily<Counter>
    private let failures: Counter

    init(_ metrics: MetricsRegistry) {
        items = metrics.counter(
            "waybill_repair_items_total",
            help: "Items of repair plans, by what became of them.",
            labels: ["action", "outcome"]
        )
        failures =
            metrics.counter(
                "waybill_repair_failed_total",
                help: "Repairs that were stopped, and orders that could not be carried out."
            ).labels()
    }

    func count(_ action: RepairAction, _ state: StoredRepairItem.State) {
        items.labels(action.rawValue, state.rawValue.lowercased()).increment()
        if state == .failed { failed() }
    }

    func failed() { failures.increment() }
}
