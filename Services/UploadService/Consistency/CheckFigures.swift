import PostgresClient
import ServiceBootstrap

/// What the newest check says, for those who watch. Looked up when somebody asks; a database that does not answer leaves
/// them out.
struct CheckFigures: Sendable {
    let pool: PostgresPool

    func add(to registry: MetricsRegistry) {
        let pool = self.pool
        registry.gauge(
            "waybill_consistency_findings",
            help: "Inconsistencies the newest check has found.",
            labels: ["kind"]
        ) {
            guard let check = try? await CheckStore.newest(complete: false, on: pool),
                let counts = try? await FindingStore.counts(of: check.id, on: pool)
            else { return [] }
            return FindingKind.allCases.map { Sample(Double(counts[$0] ?? 0), labels: [$0.rawValue]) }
        }
        registry.gauge(
            "waybill_consistency_check_age_seconds",
            help: "Since a check has last compared everything."
        ) {
            guard let check = try? await CheckStore.newest(complete: true, on: pool) else { return [] }
            return [Sample(check.ageSeconds)]
        }
        registry.gauge(
            "waybill_consistency_check_complete",
            help: "Whether the newest check has compared everything."
        ) {
            guard let check = try? await CheckStore.newest(complete: false, on: pool) else { return [] }
            return [Sample(check.isComplete == true ? 1 : 0)]
        }
    }
}
