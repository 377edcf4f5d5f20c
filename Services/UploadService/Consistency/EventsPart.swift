import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Looks for versions without an event.
struct EventsPart: CheckPart {
    /// Of files after `after`, in the order of their ids: versions older than `olderThan` that are not on the topic.
    typealias Gaps =
        @Sendable (_ after: UUID?, _ olderThan: Duration, _ limit: Int) async throws(DatabaseError) ->
        [PublicationGap]

    let name = CheckProgress.events
    let tools: CheckTools
    let gaps: Gaps

    private static let pageLimit = 500
    private static let age: Duration = .seconds(60)

    func run(
        from start: PartProgress,
        save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure) {
        var progress = PartProgress()
        guard try await canTell() else {
            progress.skipped =
                "nobody knows what is on the topic: no relay has led since the database was made, restored or failed over"
            progress.isDone = true
            return try await save(progress, [])
        }
        var after: UUID?
        repeat {
            let page = try await page(after: after)
            var confirmed: [PublicationGap] = []
            if !page.isEmpty {
                do { try await tools.time.sleep(for: tools.settings.recheckPause) } catch { throw .stopped }
                confirmed = try await self.page(after: after).filter(page.contains)
            }
            progress.add(page.count, to: .versions)
            progress.add(page.count - confirmed.count, to: .inFlight)
            after = page.count < Self.pageLimit ? nil : page.last?.fileID
            if after == nil, try await !canTell() { progress.lose(["the database failed over meanwhile"]) }
            progress.isDone = after == nil
            try await save(progress, confirmed.map(Self.finding))
        } while after != nil
    }

    private func canTell() async throws(CheckFailure) -> Bool {
        try await asked { () throws(DatabaseError) in try await PublicationStore.canTell(on: tools.pool) }
    }

    private func page(after: UUID?) async throws(CheckFailure) -> [PublicationGap] {
        try await asked { () throws(DatabaseError) in try await gaps(after, Self.age, Self.pageLimit) }
    }

    private static func finding(_ gap: PublicationGap) -> Finding {
        Finding(
            kind: .eventGap,
            subject: gap.fileID.text,
            detail: "version \(gap.version), published up to \(gap.publishedVersion)",
            tenant: gap.tenant,
            fileID: gap.fileID,
            rowVersion: gap.version
        )
    }
}
