import PostgresClient
import ServiceBootstrap

/// What the metrics say of uploads and files that have to go on. Looked up when somebody asks.
enum StateFigures {
    static func add(to metrics: MetricsRegistry, on pool: PostgresPool) {
        metrics.gauge(
            "waybill_oldest_state_seconds",
            help:
                "How long the upload or file that has not changed for longest has been in a state that must end.",
            labels: ["state"]
        ) {
            let ages = (try? await StateAgeStore.ages(on: pool)) ?? []
            return ages.map { Sample(Double($0.ageSeconds), labels: [$0.state]) }
        }
        metrics.gauge(
            "waybill_files_quarantined",
            help: "Files whose stored bytes are not what was acknowledged; an operator decides."
        ) {
            let ages = (try? await StateAgeStore.ages(on: pool)) ?? []
            return ages.filter { $0.state == "QUARANTINED" }.map { Sample(Double($0.count)) }
        }
    }
}
