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
    /// - Parameter keys: only these objects; nil for all that are listed.
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
        var seen: Set<String> = []
        return losses.filter { loss in
            guard loss.proposal == Loss.Proposal.adopt.rawValue, let key = loss.objectKey,
                keys?.contains(key) ?? true
            else { return false }
            return seen.insert(key).inserted
        }
    }
}

/// As it stands in the survey's report.
private struct SurveyedLoss: Decodable {
    let proposal: String
    let fileID: String?
    let uploadID: String?
    let objectKey: String?
    let size: Int64?

    enum CodingKeys: String, CodingKey {
        case proposal, size
        case fileID = "file_id"
        case uploadID = "upload_id"
        case objectKey = "object_key"
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
