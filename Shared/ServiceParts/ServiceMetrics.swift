public import IdempotentConsumer
import IdempotentInbox
import KafkaClient
public import PostgresClient
import SagaEngine
public import ServiceBootstrap
import TransactionalOutbox

/// What every service with a database of its own tells: its connections, what it owes, what it has read. All is looked up
/// when somebody asks; a database that does not answer leaves its metrics out.
public struct ServiceMetrics: Sendable {
    private let registry: MetricsRegistry
    private let pool: PostgresPool

    /// Sagas that failed so often in a row count as stuck.
    private let stuckAttempts = 8

    public init(_ registry: MetricsRegistry, _ pool: PostgresPool) {
        self.registry = registry
        self.pool = pool
    }

    /// - Parameter consumer: the name of the consumer whose figures these are.
    public func add(consumer: String, _ figures: ConsumerFigures) {
        addConnections()
        addOutbox()
        addSagas()
        addConsumer(figures)
        addParked(consumer)
    }

    private func addConnections() {
        let pool = self.pool
        registry.gauge(
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

    private func addOutbox() {
        let ticks = TickStore(pool)
        registry.gauge(
            "waybill_outbox_age_seconds",
            help: "Age of the oldest unpublished event; over 60 somebody should look."
        ) {
            guard let age = try? await ticks.unpublishedAgeSeconds() else { return [] }
            return [Sample(Double(age))]
        }
    }

    private func addSagas() {
        let (pool, stuckAttempts) = (self.pool, self.stuckAttempts)
        let census: @Sendable ((SagaCensus) -> Int64) async -> [Sample] = { value in
            let census = (try? await SagaStore.census(stuckAttempts: stuckAttempts, on: pool)) ?? []
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

    private func addConsumer(_ figures: ConsumerFigures) {
        registry.gauge("waybill_consumer_lag_records", help: "Records on the broker not yet applied.") {
            figures.snapshot.lag.map { [Sample(Double($0))] } ?? []
        }
        registry.gauge(
            "waybill_kafka_round_trip_p99_seconds",
            help: "99 of 100 requests to the slowest broker were answered within."
        ) {
            figures.snapshot.kafka.map { [Sample($0.roundTripP99Seconds)] } ?? []
        }
        registry.gauge("waybill_consumer_partitions", help: "Partitions held.", labels: ["state"]) {
            let now = figures.snapshot
            return [
                Sample(Double(now.assignedPartitionCount), labels: ["assigned"]),
                Sample(Double(now.stoppedPartitions.count), labels: ["stopped"]),
            ]
        }
        registry.counter(
            "waybill_consumer_records_total",
            help: "Records read, by what became of them.",
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

    private func addParked(_ consumer: String) {
        let pool = self.pool
        registry.gauge(
            "waybill_parked_records",
            help: "Records that could not be applied, and those behind them."
        ) {
            let count = try? await InboxStore.parkedCount(consumer: consumer, on: pool)
            return count.map { [Sample(Double($0))] } ?? []
        }
    }
}
