import KafkaClient
import ServiceBootstrap
import TransactionalOutbox

/// What the metrics say of each outbox.
enum RelayMetrics {
    static func add(
        to metrics: MetricsRegistry,
        _ relays: [(outbox: String, figures: RelayFigures, ticks: TickStore)],
        rotation: TickStore.RotationLimits
    ) {
        addTurns(to: metrics, relays.map { ($0.outbox, $0.ticks) }, rotation)
        metrics.counter(
            "waybill_relay_published_total",
            help: "Rows acknowledged by Kafka.",
            labels: ["outbox"]
        ) {
            relays.map { Sample(Double($0.figures.snapshot.publishedCount), labels: [$0.outbox]) }
        }
        metrics.counter(
            "waybill_relay_failures_total",
            help: "Interruptions of the relay.",
            labels: ["outbox"]
        ) {
            relays.map { Sample(Double($0.figures.snapshot.failureCount), labels: [$0.outbox]) }
        }
        metrics.gauge("waybill_relay_leader", help: "1 while this process leads.", labels: ["outbox"]) {
            relays.map { Sample($0.figures.snapshot.isLeader ? 1 : 0, labels: [$0.outbox]) }
        }
        metrics.gauge(
            "waybill_kafka_round_trip_p99_seconds",
            help: "99 of 100 requests to the slowest broker were answered within.",
            labels: ["outbox"]
        ) {
            relays.compactMap { relay in
                relay.figures.kafka.map { Sample($0.roundTripP99Seconds, labels: [relay.outbox]) }
            }
        }
        metrics.gauge(
            "waybill_outbox_age_seconds",
            help: "Age of the oldest unpublished row; over 60 somebody should look.",
            labels: ["outbox"]
        ) {
            var samples: [Sample] = []
            for relay in relays {
                guard let age = try? await relay.ticks.unpublishedAgeSeconds() else { continue }
                samples.append(Sample(Double(age), labels: [relay.outbox]))
            }
            return samples
        }
        metrics.gauge(
            "waybill_outbox_parked_rows",
            help: "Rows that cannot be published.",
            labels: ["outbox"]
        ) {
            var samples: [Sample] = []
            for relay in relays {
                guard let count = try? await relay.ticks.parkedCount() else { continue }
                samples.append(Sample(Double(count), labels: [relay.outbox]))
            }
            return samples
        }
    }
    /// What keeps partitions from turning must be seen: they grow without a bound then.
    private static func addTurns(
        to metrics: MetricsRegistry,
        _ outboxes: [(name: String, ticks: TickStore)],
        _ rotation: TickStore.RotationLimits
    ) {
        metrics.gauge(
            "waybill_outbox_rotation_overdue_seconds",
            help: "For how long the turn of the partitions has been due; over 3600 somebody should look.",
            labels: ["outbox"]
        ) {
            var samples: [Sample] = []
            for outbox in outboxes {
                guard let late = try? await outbox.ticks.rotationOverdueSeconds(limits: rotation) else {
                    continue
                }
                samples.append(Sample(Double(late), labels: [outbox.name]))
            }
            return samples
        }
        metrics.gauge(
            "waybill_outbox_hold_age_seconds",
            help: "Age of the oldest row that a hold keeps; over 900 somebody should look.",
            labels: ["outbox", "hold"]
        ) {
            var samples: [Sample] = []
            for outbox in outboxes {
                for hold in (try? await outbox.ticks.holds()) ?? [] {
                    samples.append(Sample(Double(hold.ageSeconds), labels: [outbox.name, hold.name]))
                }
            }
            return samples
        }
    }
}
