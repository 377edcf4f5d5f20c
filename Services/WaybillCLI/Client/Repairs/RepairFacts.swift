/// What the server is asked for.
struct CleanupAsked: Encodable, Sendable {
    let checkID: String?
    let policy: [String: String]?
    let reason: String

    enum CodingKeys: String, CodingKey {
        case policy, reason
        case checkID = "check_id"
    }
}

/// The same, for findings that were picked.
struct SelectionAsked: Encodable, Sendable {
    let checkID: String
    let findingIDs: [Int64]
    let action: String?
    let reason: String

    enum CodingKeys: String, CodingKey {
        case action, reason
        case checkID = "check_id"
        case findingIDs = "finding_ids"
    }
}

/// The same, for what the survey of safe mode proposes.
struct AdoptionAsked: Encodable, Sendable {
    let isOfSurvey = true
    let reason: String

    enum CodingKeys: String, CodingKey {
        case reason
        case isOfSurvey = "safe_mode"
    }
}

/// The same, for files that are to be let out of quarantine.
struct ReleaseAsked: Encodable, Sendable {
    let fileIDs: [String]
    let action = "release"
    let reason: String

    enum CodingKeys: String, CodingKey {
        case action, reason
        case fileIDs = "file_ids"
    }
}

/// A plan as the server tells of it.
struct RepairFacts: Codable, Sendable {
    let id: String
    let checkID: String?
    let scope: String
    let reason: String
    let state: String
    let stopReason: String?
    let itemCount: Int64
    let harmCount: Int64
    let byteCount: Int64
    let needsConfirmation: Bool
    let hash: String
    let createdAt: String
    let counts: [String: Int64]?

    enum CodingKeys: String, CodingKey {
        case id, scope, reason, state, hash, counts
        case checkID = "check_id"
        case stopReason = "stop_reason"
        case itemCount = "item_count"
        case harmCount = "harmful_items"
        case byteCount = "harmful_bytes"
        case needsConfirmation = "needs_confirmation"
        case createdAt = "created_at"
    }
}

extension RepairFacts {
    var line: String {
        plain("\(id) \(state) \(scope) \(itemCount) items, \(createdAt.prefix(19))  \(reason)")
    }

    func show() {
        Output.say(line)
        let counts = (counts ?? [:]).sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        if !counts.isEmpty { Output.say("items: \(counts.joined(separator: ", "))") }
        Output.say("takes away: \(harmCount), \(ProgressLine.amount(byteCount))")
        if let stopReason { Output.say(plain("stopped: \(stopReason)")) }
        Output.say("hash: \(plain(hash))\(needsConfirmation ? " (run needs --confirm with it)" : "")")
    }
}

struct RepairPage: Decodable, Sendable {
    let repairs: [RepairFacts]
}

struct RepairItemFacts: Codable, Sendable {
    let number: Int
    let kind: String
    let action: String
    let subject: String
    let state: String
    let outcome: String?
    let trashKey: String?

    enum CodingKeys: String, CodingKey {
        case number, kind, action, subject, state, outcome
        case trashKey = "trash_key"
    }

    var line: String {
        plain("\(number) \(state) \(action) \(kind) \(subject)\(outcome.map { ": \($0)" } ?? "")")
    }
}

struct RepairItemPage: Decodable, Sendable {
    let items: [RepairItemFacts]
    let nextAfter: Int?

    enum CodingKeys: String, CodingKey {
        case items
        case nextAfter = "next_after"
    }
}
