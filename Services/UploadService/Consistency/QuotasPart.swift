import PostgresClient

/// Looks for tenants who are charged for other than what they store.
struct QuotasPart: CheckPart {
    let name = CheckProgress.quotas
    let tools: CheckTools

    func run(
        from start: PartProgress,
        save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure) {
        // One statement sees both counts in one snapshot: what it finds needs no second look.
        let drifts = try await asked { () throws(DatabaseError) in try await QuotaStore.drifts(on: tools.pool)
        }
        var progress = PartProgress()
        progress.isDone = true
        try await save(progress, drifts.map(Self.finding))
    }

    private static func finding(_ drift: QuotaDrift) -> Finding {
        Finding(
            kind: .quotaDrift,
            subject: drift.tenant,
            detail: "charged for \(drift.usedBytes) bytes, stores \(drift.chargedBytes)",
            tenant: drift.tenant,
            size: drift.chargedBytes
        )
    }
}
