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
        let proposals: [SurveyedLoss]
        let incarnation: String
        do throws(DatabaseError) {
            let standing = try await SafeMode.standing(on: pool)
            guard standing.isTakenIn, let survey = standing.stay?.survey else {
                throw DatabaseError.cancelled
            }
            proposals = Self.adoptions(in: survey, keys)
            incarnation = try await RepairSourceStore.surroundings(on: pool)?.incarnation ?? ""
        } catch {
            if case .cancelled = error { throw .refused(.noSurvey) }
            throw .database(error)
        }
        guard !incarnation.isEmpty else { throw .refused(.replica) }
        let items = proposals.enumerated().map { $1.item($0 + 1) }
        let facts = RepairSourceStore.Check(
            isCompleted: true,
            isComplete: true,
            incarnation: incarnation,
            checkedCount: 0
        )
        let plan = newPlan(RepairPlan.survey, facts, .selection, actor, reason, items)
        return try await keep(NewRepairPlan(plan: plan, items: items), keyed)
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
