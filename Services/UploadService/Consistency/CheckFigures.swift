import PostgresClient
import ServiceBootstrap

/// What the newest check says, for those who watch. Looked up when somebody asks, in what was counted when the check ended; a
/// database that does not answer leaves them out.
struct CheckFigures: Sendable {
    let pool: PostgresPool

    /// Of the newest check, and of the newest that compared everything.
    struct Newest: Sendable {
        let counts: [String: Int64]
        let isComplete: Bool
        /// Nil when there is none that compared everything.
        let completeAgeSeconds: Double?
    }

    func add(to registry: MetricsRegistry) {
        let pool = self.pool
        registry.gauge(
            "waybill_consistency_findings",
            help: "Inconsistencies the newest check has found.",
            labels: ["kind"]
        ) {
            guard let newest = try? await CheckStore.figures(on: pool) else { return [] }
            return FindingKind.allCases.map {
                Sample(Double(newest.counts[$0.rawValue] ?? 0), labels: [$0.rawValue])
            }
        }
        registry.gauge(
            "waybill_consistency_check_age_seconds",
            help: "Since a check has last compared everything."
        ) {
            guard let age = try? await CheckStore.figures(on: pool)?.completeAgeSeconds else { return [] }
            return [Sample(age)]
        }
        registry.gauge(
            "waybill_consistency_check_complete",
            help: "Whether the newest check has compared everything."
        ) {
            guard let newest = try? await CheckStore.figures(on: pool) else { return [] }
            return [Sample(newest.isComplete ? 1 : 0)]
        }
    }
}
