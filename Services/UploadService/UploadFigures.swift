import IdempotentConsumer
import IdempotentInbox
import PostgresClient
import SagaEngine
import ServiceBootstrap
import TransactionalOutbox

/// What the routes count. An outcome is the success's name or the error code.
struct UploadFigures: Sendable {
    private let uploads: MetricFamily<Counter>
    private let uploadedBytes: Counter
    private let deletes: MetricFamily<Counter>
    private let restores: MetricFamily<Counter>

    init(_ metrics: MetricsRegistry) {
        uploads = metrics.counter(
            "waybill_uploads_total",
            help: "Files sent to this service, by what became of them.",
            labels: ["outcome"]
        )
        uploadedBytes =
            metrics.counter(
                "waybill_uploaded_bytes_total",
                help: "Bytes of files that were stored."
            ).labels()
        deletes = metrics.counter(
            "waybill_deletes_total",
            help: "Deletes asked for, by what became of them.",
            labels: ["outcome"]
        )
        restores = metrics.counter(
            "waybill_restores_total",
            help: "Restores asked for, by what became of them.",
            labels: ["outcome"]
        )
    }

    func stored(byteCount: Int64) {
        uploads.labels("stored").increment()
        uploadedBytes.increment(by: Int(clamping: byteCount))
    }

    func notStored(_ code: String) { uploads.labels(code).increment() }
    func deleted(_ outcome: String) { deletes.labels(outcome).increment() }
    func restored(_ outcome: String) { restores.labels(outcome).increment() }
}

extension Wiring {
    /// What the metrics say of the service's surroundings, read when they are asked for.
    func addMetrics(_ replies: ConsumerFigures) {
        addPoolMetrics()
        addTransferMetrics()
        addBacklogMetrics()
        addReplyMetrics(replies)
    }

    private func addPoolMetrics() {
        let pool = surroundings.pool
        surroundings.metrics.gauge(
            "waybill_database_connections",
            help: "Connections of the pool, and callers that wait for one.",
            labels: ["state"]
        ) {
            let now = pool.statistics
            return [
                Sample(Double(now.idle), labels: ["idle"]), Sample(Double(now.leases), labels: ["leased"]),
                Sample(Double(now.waiting), labels: ["waiting"]),
            ]
        }
    }

    private func addTransferMetrics() {
        let budget = surroundings.budget
        surroundings.metrics.gauge(
            "waybill_transfers",
            help: "Uploads and downloads under way. At the limit further ones are answered 503 SERVER_BUSY."
        ) { [Sample(Double(budget.use.transferCount))] }
        surroundings.metrics.gauge(
            "waybill_part_memory_bytes",
            help:
                "Memory promised to the parts of uploads. At the limit further ones are answered 503 SERVER_BUSY."
        ) { [Sample(Double(budget.use.partMemory))] }
    }

    private func addBacklogMetrics() {
        let (metrics, pool) = (surroundings.metrics, surroundings.pool)
        let ticks = TickStore(pool)
        metrics.gauge(
            "waybill_outbox_age_seconds",
            help: "Age of the oldest unpublished event; over 60 somebody should look."
        ) {
            guard let age = try? await ticks.unpublishedAgeSeconds() else { return [] }
            return [Sample(Double(age))]
        }
        addSagaMetrics()
    }

    private func addSagaMetrics() {
        let (metrics, pool) = (surroundings.metrics, surroundings.pool)
        let census: @Sendable ((SagaCensus) -> Int64) async -> [Sample] = { value in
            let census = (try? await SagaStore.census(stuckAttempts: Self.stuckAttempts, on: pool)) ?? []
            return census.map { Sample(Double(value($0)), labels: [$0.kind]) }
        }
        metrics.gauge("waybill_sagas", help: "Sagas under way.", labels: ["kind"]) { await census(\.count) }
        metrics.gauge("waybill_sagas_stuck", help: "Sagas that keep failing.", labels: ["kind"]) {
            await census(\.stuckCount)
        }
        metrics.gauge("waybill_saga_oldest_age_seconds", help: "Age of the oldest saga.", labels: ["kind"]) {
            await census(\.oldestAgeSeconds)
        }
    }

    /// Sagas that failed so often in a row count as stuck; the indexer's number too.
    private static var stuckAttempts: Int { 8 }

    private func addReplyMetrics(_ replies: ConsumerFigures) {
        let metrics = surroundings.metrics
        metrics.counter(
            "waybill_consumer_records_total",
            help: "Records of waybill.index.v1 read, by what became of them.",
            labels: ["outcome"]
        ) {
            let counts = replies.snapshot.counts
            return [
                Sample(Double(counts.applied), labels: ["applied"]),
                Sample(Double(counts.repeated), labels: ["repeated"]),
                Sample(Double(counts.skipped), labels: ["skipped"]),
                Sample(Double(counts.parked), labels: ["parked"]),
            ]
        }
        let pool = surroundings.pool
        metrics.gauge(
            "waybill_parked_records",
            help: "Records that could not be applied, and those behind them."
        ) {
            let count = try? await InboxStore.parkedCount(consumer: IndexReplies.consumer, on: pool)
            return count.map { [Sample(Double($0))] } ?? []
        }
        metrics.gauge(
            "waybill_consumer_lag_records",
            help: "Records of waybill.index.v1 that are not applied yet."
        ) {
            replies.snapshot.lag.map { [Sample(Double($0))] } ?? []
        }
        metrics.gauge(
            "waybill_consumer_partitions",
            help: "Partitions of waybill.index.v1 held by this process.",
            labels: ["state"]
        ) {
            let now = replies.snapshot
            return [
                Sample(Double(now.assignedPartitionCount), labels: ["assigned"]),
                Sample(Double(now.stoppedPartitionCount), labels: ["stopped"]),
            ]
        }
    }
}
