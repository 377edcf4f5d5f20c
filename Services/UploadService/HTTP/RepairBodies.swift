import Determinism
import EventContracts
import HTTPServing
import Hummingbird

import struct FoundationEssentials.UUID

/// The body of `POST /api/v1/uploads/cleanup/…`.
struct CleanupBody: Codable {
    let dryRun: Bool?
    let checkID: String?
    let repairID: String?
    let policy: [String: String]?
    let reason: String?
    let confirm: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case policy, reason, confirm
        case dryRun = "dry_run"
        case checkID = "check_id"
        case repairID = "repair_id"
    }

    init(_ request: Request, _ context: ServiceContext) async throws {
        self = try await request.decoded(
            CleanupBody.self,
            members: CodingKeys.allCases.map(\.rawValue),
            context,
            #"must be JSON of the form {"dry_run": true, "reason": "…"}"#
        )
    }
}

/// The body of `POST /api/v1/repairs`.
struct SelectionBody: Codable {
    let checkID: String?
    let findingIDs: [Int64]?
    let kinds: [String]?
    /// Instead of a check's findings: what the survey of safe mode proposes to adopt.
    let isOfSurvey: Bool?
    let objectKeys: [String]?
    /// Instead of findings: files that are to be let out of quarantine.
    let fileIDs: [String]?
    let action: String?
    let reason: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case kinds, action, reason
        case checkID = "check_id"
        case findingIDs = "finding_ids"
        case isOfSurvey = "safe_mode"
        case objectKeys = "object_keys"
        case fileIDs = "file_ids"
    }

    init(_ request: Request, _ context: ServiceContext) async throws {
        self = try await request.decoded(
            SelectionBody.self,
            members: CodingKeys.allCases.map(\.rawValue),
            context,
            #"must be JSON of the form {"check_id": "…", "kinds": ["orphan_object"], "reason": "…"}"#
        )
        guard max(findingIDs?.count ?? 0, objectKeys?.count ?? 0, fileIDs?.count ?? 0) <= 10_000 else {
            throw RequestRefusal.body("has more than 10000 finding_ids, object_keys or file_ids")
        }
        guard objectKeys?.allSatisfy({ ObjectKey($0) != nil }) ?? true else {
            throw RequestRefusal.body("has object_keys that are not keys of files")
        }
        if let fileIDs {
            guard !fileIDs.isEmpty, action == RepairAction.release.rawValue, isOfSurvey != true,
                checkID == nil,
                findingIDs == nil, kinds == nil, objectKeys == nil
            else {
                throw RequestRefusal.body("must have with file_ids the action release, and nothing else")
            }
        } else if isOfSurvey ?? false {
            guard checkID == nil, findingIDs == nil, kinds == nil,
                action ?? RepairAction.adopt.rawValue == RepairAction.adopt.rawValue
            else {
                throw RequestRefusal.body("may have with safe_mode only object_keys and the action adopt")
            }
        } else {
            guard checkID != nil, objectKeys == nil, findingIDs != nil || kinds != nil else {
                throw RequestRefusal.body(
                    "must have check_id, with finding_ids or kinds; object_keys only with safe_mode"
                )
            }
        }
    }

    func chosenKinds() throws -> [RepairKind]? {
        try kinds.map { try $0.map { try RepairPolicy.kind($0) } }
    }

    /// The action for every kind that can have it.
    func policy() throws -> [RepairKind: RepairAction] {
        guard let action else { return [:] }
        guard let known = RepairAction(rawValue: action) else {
            throw RepairPolicy.refusal("action \(action)")
        }
        let able = RepairKind.allCases.filter { $0.actions.contains(known) }
        guard !able.isEmpty else { throw RepairPolicy.refusal("action \(action)") }
        // Of a kind that cannot have it nothing is done.
        return Dictionary(
            uniqueKeysWithValues: RepairKind.allCases.map { ($0, able.contains($0) ? known : .leave) }
        )
    }
}

/// The body of `POST /api/v1/repairs/{id}/run`.
struct RunBody: Codable {
    let confirm: String?

    init(_ request: Request, _ context: ServiceContext) async throws {
        self = try await request.decoded(
            RunBody.self,
            members: ["confirm"],
            context,
            #"must be JSON of the form {"confirm": "<hash>"}, or empty"#
        )
    }
}

enum RepairPolicy {
    static func kind(_ text: String) throws -> RepairKind {
        guard let kind = RepairKind(rawValue: text) else { throw refusal("kind \(text)") }
        return kind
    }

    static func parsed(_ policy: [String: String]?) throws -> [RepairKind: RepairAction] {
        var parsed: [RepairKind: RepairAction] = [:]
        for (name, word) in policy ?? [:] {
            let kind = try kind(name)
            guard let action = RepairAction(rawValue: word), kind.actions.contains(action) else {
                throw refusal("action \(word) for \(name)")
            }
            parsed[kind] = action
        }
        return parsed
    }

    /// Why, for the audit trail.
    static func reason(_ text: String?) throws -> String {
        let reason = text ?? ""
        guard !reason.isEmpty, reason.utf8.count <= 500, !reason.utf8.contains(0) else {
            throw RequestRefusal.body("must have a reason of 1 to 500 bytes")
        }
        return reason
    }

    static func id(_ text: String) throws -> UUID {
        guard let id = UUID(text: text) else { throw RequestRefusal.body("has an id that is none") }
        return id
    }

    static func refusal(_ what: String) -> RequestRefusal {
        .body("names the \(String(what.prefix(80))), which is not known here")
    }
}
