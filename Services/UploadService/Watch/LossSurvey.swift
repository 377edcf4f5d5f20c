import Determinism
import Logging
import ObjectStore
import PostgresClient
import ServiceParts

import struct FoundationEssentials.UUID

/// Compares a restored database with what it may have forgotten: the index, made from what was told, and the bucket.
///
/// Runs in each stay in safe mode until all was compared, and anew when a plan of adoptions came to its end; reads only, in
/// constant memory. Its report is kept with the stay, for `GET /api/v1/safe-mode`. What cannot be compared is named in it.
struct LossSurvey: Sendable {
    static let name = "safe-mode-survey"
    /// Before what could not be compared is tried again.
    static let pause: Duration = .seconds(120)
    private static let noIndexer = "WAYBILL_INDEXER_URL is not set"

    let pool: PostgresPool
    let store: any ObjectStore
    let bucket: BucketIdentity
    let indexer: IndexerClient?
    let time: any TimeSource
    let logger: Logger
    /// Instead of the store's own listing.
    var list: ObjectListing.Lister?
    /// Sent to the store.
    var requestsPerSecond = CheckSettings().requestsPerSecond
    /// See `LossReport`.
    var listLimit = 1_000

    /// Makes the report that is missing, if one is.
    func surveyIfMissing() async throws {
        guard let stay = try await SafeMode.standing(on: pool).stay, try await isDue(stay) else { return }
        let report = try await report()
        guard try await SafeMode.keepSurvey(report, of: stay, on: pool) else { return }
        logger.notice("surveyed what the database may have forgotten; see waybill safe-mode show")
    }

    /// A source that was away for a moment must not leave the report without it for ever. Nobody walks through the bucket again for an indexer
    /// that this process does not know. What was adopted makes room for what was not listed.
    private func isDue(_ stay: SafeMode.Stay) async throws -> Bool {
        guard let facts = SurveyFacts(stay), let at = stay.surveyedAt else { return true }
        if try await LossStore.hasEndedPlan(since: facts.begunAt ?? at, on: pool) { return true }
        guard !facts.complete, facts.skipped.count > 1 || indexer != nil || facts.skipped["index"] == nil
        else {
            return false
        }
        return time.now.duration(since: at) >= Self.pause
    }

    /// JSON, as `LossReport` has it.
    func report() async throws -> String {
        let begunAt = try await ComparisonStore.now(on: pool)
        var report = LossReport(begunAt: begunAt, listLimit: listLimit)
        do { try await compareIndex(&report) } catch let failure as IndexerFailure {
            report.skip("index", "\(failure)")
        }
        let walk = BucketSurvey(
            pool: pool,
            store: store,
            bucket: bucket,
            budget: RequestBudget(requestsPerSecond: requestsPerSecond, time: time),
            list: list ?? store.lister
        )
        try await walk.compare(&report)
        return report.json
    }

    private func compareIndex(_ report: inout LossReport) async throws {
        guard let indexer else { return report.skip("index", Self.noIndexer) }
        var after: UUID?
        repeat {
            let page = try await indexer.entries(after: after, limit: 1_000)
            let ids = page.entries.map(\.fileID)
            let files = try await LossStore.files(ids, on: pool)
            let uploads = try await LossStore.uploads(ofFiles: ids, on: pool)
            for entry in page.entries {
                if let loss = Loss(entry, files[entry.fileID], uploads[entry.fileID]) { report.add(loss) }
            }
            after = page.nextAfter
        } while after != nil
        // Where they lie is told of one entry at a time only.
        for place in report.losses.indices {
            let loss = report.losses[place]
            guard loss.kind == .unknownFile, loss.objectKey == nil, let id = loss.fileID else { continue }
            report.losses[place].objectKey = try await indexer.entry(of: id)?.objectKey
        }
    }
}
