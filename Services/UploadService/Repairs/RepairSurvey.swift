import Determinism
import EventContracts
import PostgresClient
import ServiceParts

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import struct FoundationEssentials.UUID

/// What the survey of safe mode says was lost, and how to get it back.
extension Repairs {
    /// Makes a plan that adopts objects, as the survey proposes, and stores it. It may be run while safe mode is on: it takes nothing
    /// away.
    ///
    /// - Parameter keys: these objects, listed or not: each is looked at before it is adopted. Nil for all that are listed; once they are
    ///   adopted the survey is made anew and lists the next.
    func planAdoptions(
        of keys: [String]?,
        by actor: String,
        reason: String,
        keyed: KeyedAnswer<NewRepairPlan>? = nil
    ) async throws(RepairFailure) -> RepairPlan {
        let standing: SafeMode.Standing
        do { standing = try await SafeMode.standing(on: pool) } catch { throw .database(error) }
        guard standing.isTakenIn, let survey = standing.stay?.survey else { throw .refused(.noSurvey) }
        let proposals = Self.adoptions(in: survey, keys)
        let items = proposals.enumerated().map { $1.item($0 + 1) }
        return try await keepUnchecked(RepairPlan.survey, items, by: actor, reason, keyed)
    }

    private static func adoptions(in survey: String, _ keys: [String]?) -> [SurveyedLoss] {
        struct Survey: Decodable { let losses: [SurveyedLoss] }
        let losses = (try? JSONDecoder().decode(Survey.self, from: Data(survey.utf8)))?.losses ?? []
        var (listed, order): ([String: SurveyedLoss], [String]) = ([:], [])
        for loss in losses where loss.proposal == Loss.Proposal.adopt.rawValue {
            // The bucket's own word, which comes last, says more than the index's.
            guard let key = loss.objectKey else { continue }
            if listed.updateValue(loss, forKey: key) == nil { order.append(key) }
        }
        guard let keys else { return order.compactMap { listed[$0] } }
        var seen: Set<String> = []
        return keys.filter { seen.insert($0).inserted }.map { listed[$0] ?? SurveyedLoss(objectKey: $0) }
    }
}

/// As it stands in the survey's report.
private struct SurveyedLoss: Decodable {
    let proposal: String
    var fileID: String?
    var uploadID: String?
    let objectKey: String?
    var size: Int64?

    enum CodingKeys: String, CodingKey {
        case proposal, size
        case fileID = "file_id"
        case uploadID = "upload_id"
        case objectKey = "object_key"
    }

    /// Named by somebody, where the list ended before.
    init(objectKey: String) {
        proposal = Loss.Proposal.adopt.rawValue
        self.objectKey = objectKey
    }

    func item(_ number: Int) -> RepairItem {
        RepairItem(
            number: number,
            findingID: 0,
            kind: .orphanObject,
            action: .adopt,
            subject: objectKey ?? "",
            tenant: objectKey.flatMap { ObjectKey($0)?.tenant },
            fileID: fileID.flatMap { UUID(text: $0) },
            uploadID: uploadID.flatMap { UUID(text: $0) },
            objectKey: objectKey,
            multipartID: nil,
            rowVersion: nil,
            rowState: nil,
            size: size,
            etag: nil
        )
    }
}
