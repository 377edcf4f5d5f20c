import Determinism
import PostgresClient
import ServiceParts

/// Looks for rows that should have moved on long ago.
struct StatesPart: CheckPart {
    let name = CheckProgress.states
    let tools: CheckTools

    private static let pageLimit = 500

    func run(
        from start: PartProgress,
        save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure) {
        var progress = PartProgress()
        if try await asked({ () throws(DatabaseError) in try await SafeMode.isOn(on: tools.pool) }) {
            progress.skipped = "safe mode holds rows where they are"
            progress.isDone = true
            return try await save(progress, [])
        }
        var after: StuckRow?
        repeat {
            let page = try await page(after: after)
            var confirmed: [StuckRow] = []
            if !page.isEmpty {
                do { try await tools.time.sleep(for: tools.settings.recheckPause) } catch { throw .stopped }
                confirmed = try await self.page(after: after).filter(page.contains)
            }
            progress.add(page.count, to: .states)
            progress.add(page.count - confirmed.count, to: .inFlight)
            after = page.count < Self.pageLimit ? nil : page.last
            progress.isDone = after == nil
            try await save(progress, confirmed.map(\.finding))
        } while after != nil
    }

    private func page(after: StuckRow?) async throws(CheckFailure) -> [StuckRow] {
        let (settings, pool) = (tools.settings, tools.pool)
        return try await asked { () throws(DatabaseError) in
            try await StuckStore.page(
                after: after?.uploadID,
                patience: settings.stuckPatience,
                late: settings.late,
                limit: Self.pageLimit,
                on: pool
            )
        }
    }
}
