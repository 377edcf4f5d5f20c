import Determinism
import Logging
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts

import struct FoundationEssentials.UUID

/// Compares a restored database with what it may have forgotten: the index, made from what was told, and the bucket.
///
/// Runs in each stay in safe mode until all was compared, reads only, in constant memory; its report is kept with the stay, for
/// `GET /api/v1/safe-mode`. What cannot be compared is named in it.
struct LossSurvey: Sendable {
    static let name = "safe-mode-survey"
    /// Losses that are listed; all are counted.
    static let listLimit = 1_000
    /// Before what could not be compared is tried again.
    static let pause: Duration = .seconds(120)
    private static let noIndexer = "WAYBILL_INDEXER_URL is not set"

    let pool: PostgresPool
    let store: any ObjectStore
    let bucket: BucketIdentity
    let indexer: IndexerClient?
    let time: any TimeSource
    let logger: Logger

    /// What has been found so far.
    private struct Report {
        var losses: [Loss] = []
        var counts: [Loss.Kind: Int64] = [:]
        var skipped: [(source: String, reason: String)] = []

        mutating func add(_ loss: Loss) {
            counts[loss.kind, default: 0] += 1
            if losses.count < LossSurvey.listLimit { losses.append(loss) }
        }
    }

    /// Makes the report that is missing, if one is.
    func surveyIfMissing() async throws {
        guard let stay = try await SafeMode.standing(on: pool).stay, isDue(stay) else { return }
        let report = try await report()
        guard try await SafeMode.keepSurvey(report, of: stay, on: pool) else { return }
        logger.notice("surveyed what the database may have forgotten; see waybill safe-mode show")
    }

    /// A source that was away for a moment must not leave the report without it for ever. Nobody walks through the bucket again for an indexer
    /// that this process does not know.
    private func isDue(_ stay: SafeMode.Stay) -> Bool {
        guard let facts = SurveyFacts(stay), let at = stay.surveyedAt else { return true }
        guard !facts.complete, facts.skipped.count > 1 || indexer != nil || facts.skipped["index"] == nil
        else {
            return false
        }
        return time.now.duration(since: at) >= Self.pause
    }

    /// JSON: `complete`, `counts` by kind, `skipped` by source, `losses`.
    func report() async throws -> String {
        var report = Report()
        do { try await compareIndex(&report) } catch let failure as IndexerFailure {
            report.skipped.append(("index", "\(failure)"))
        }
        do { try await compareBucket(&report) } catch let failure as StoreFailure {
            report.skipped.append(("bucket", "\(failure)"))
        }
        return Self.json(report)
    }

    private func compareIndex(_ report: inout Report) async throws {
        guard let indexer else {
            report.skipped.append(("index", Self.noIndexer))
            return
        }
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
    }

    private func compareBucket(_ report: inout Report) async throws {
        try await bucket.confirm()
        var token: String?
        repeat {
            let page = try await store.list(
                prefix: "",
                startAfter: nil,
                continuationToken: token,
                limit: 1_000
            )
            let objects = page.objects.filter { !$0.key.hasPrefix(".waybill/") }
            let known = try await LossStore.known(objects.map(\.key), on: pool)
            for object in objects where !known.contains(object.key) {
                report.add(try await loss(object))
            }
            token = page.nextToken
        } while token != nil
        // Of another bucket everything would have been said.
        try await bucket.confirm()
    }

    /// What the object says of itself: whoever adopts it needs both ids.
    private func loss(_ object: ListPage.Object) async throws -> Loss {
        let metadata = try await store.head(object.key)?.metadata ?? [:]
        let fileID = metadata["file-id"].flatMap { UUID(uuidString: $0) }
        let uploadID = metadata["upload-id"].flatMap { UUID(uuidString: $0) }
        return Loss(
            kind: .unknownObject,
            fileID: fileID,
            uploadID: uploadID,
            objectKey: object.key,
            size: object.size,
            proposal: fileID != nil && uploadID != nil ? .adopt : .look
        )
    }

    private static func json(_ report: Report) -> String {
        var json = Array("{\"complete\":\(report.skipped.isEmpty),\"counts\":{".utf8)
        let counts = Loss.Kind.allCases.map { "\"\($0.rawValue)\":\(report.counts[$0] ?? 0)" }
        json += "\(counts.joined(separator: ","))},\"skipped\":{".utf8
        for (index, (source, reason)) in report.skipped.enumerated() {
            json += "\(index > 0 ? "," : "")\"\(source)\":".utf8
            JSONText.append(reason, to: &json)
        }
        json += "},\"losses\":[".utf8
        for (index, loss) in report.losses.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            loss.append(to: &json)
        }
        json += "]}".utf8
        return String(decoding: json, as: UTF8.self)
    }
}
