import EventContracts
import IdempotentConsumer
import IdempotentInbox
import PostgresClient
import SagaEngine
import ServiceBootstrap
import TransactionalOutbox

/// What the metrics say of this service.
struct IndexerMetrics: Sendable {
    /// By kind of text.
    let indexed: MetricFamily<Counter>
    /// By reason.
    let rejected: MetricFamily<Counter>
    /// By the event that asked for it.
    let removed: MetricFamily<Counter>
    private let registry: MetricsRegistry

    /// Sagas that failed so often in a row count as stuck.
    static let stuckAttempts = 8

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        indexed = registry.counter(
            "waybill_indexed_files_total",
            help: "Files verified and made findable.",
            labels: ["kind"]
        )
        rejected = registry.counter(
            "waybill_rejected_files_total",
            help: "Files whose bytes are not what was acknowledged.",
            labels: ["reason"]
        )
        removed = registry.counter(
            "waybill_removed_objects_total",
            help: "Keys proven empty and reported.",
            labels: ["cause"]
        )
    }

    /// An answer that was committed.
    func count(_ answer: FileEvent.Detail) {
        switch answer {
        case .indexed(let file): indexed.labels(file.textKind).increment()
        case .rejected(let file): rejected.labels(file.reason.rawValue).increment()
        case .bytesRemoved: removed.labels("file.purging").increment()
        case .uploadBytesRemoved: removed.labels("upload.discarded").increment()
        case .stored, .restored, .deleted, .purging, .purged, .quarantined, .uploadDiscarded, .removalStalled:
            break
        }
    }

    /// What is read when somebody asks. A database that does not answer leaves its metrics out.
    func add(_ figures: ConsumerFigures, _ pool: PostgresPool) {
        addConsumer(figures)
        addSagas(pool)
        registry.gauge("waybill_outbox_age_seconds", help: "Age of the oldest unpublished row.") {
            guard let age = try? await TickStore(pool).unpublishedAgeSeconds() else { return [] }
            return [Sample(Double(age))]
        }
        registry.gauge(
            "waybill_parked_records",
            help: "Records that could not be applied, and those behind them."
        ) {
            let count = try? await InboxStore.parkedCount(consumer: FileEventHandler.consumer, on: pool)
            return count.map { [Sample(Double($0))] } ?? []
        }
    }

    private func addConsumer(_ figures: ConsumerFigures) {
        registry.gauge("waybill_consumer_lag_records", help: "Records on the broker not yet applied.") {
            figures.snapshot.lag.map { [Sample(Double($0))] } ?? []
        }
        registry.gauge("waybill_consumer_partitions", help: "Partitions held.", labels: ["state"]) {
            let snapshot = figures.snapshot
            return [
                Sample(Double(snapshot.assignedPartitionCount), labels: ["assigned"]),
                Sample(Double(snapshot.stoppedPartitionCount), labels: ["stopped"]),
            ]
        }
        registry.counter(
            "waybill_consumer_records_total",
            help: "Records read, by outcome.",
            labels: ["outcome"]
        ) {
            let counts = figures.snapshot.counts
            return [
                Sample(Double(counts.applied), labels: ["applied"]),
                Sample(Double(counts.parked), labels: ["parked"]),
                Sample(Double(counts.repeated), labels: ["repeated"]),
                Sample(Double(counts.skipped), labels: ["skipped"]),
            ]
        }
    }

    private func addSagas(_ pool: PostgresPool) {
        let census: @Sendable ((SagaCensus) -> Int64) async -> [Sample] = { value in
            let census = (try? await SagaStore.census(stuckAttempts: Self.stuckAttempts, on: pool)) ?? []
            return census.map { Sample(Double(value($0)), labels: [$0.kind]) }
        }
        registry.gauge("waybill_sagas", help: "Sagas under way.", labels: ["kind"]) { await census(\.count) }
        registry.gauge("waybill_sagas_stuck", help: "Sagas that keep failing.", labels: ["kind"]) {
            await census(\.stuckCount)
        }
        registry.gauge("waybill_saga_oldest_age_seconds", help: "Age of the oldest saga.", labels: ["kind"]) {
            await census(\.oldestAgeSeconds)
        }
    }
}
