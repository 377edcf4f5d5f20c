import Determinism
import FoundationEssentials
import ObjectStore
import PostgresClient
import ServiceParts

/// What speaks against leaving safe mode yet: whatever is destroyed afterwards is gone, and the database may have forgotten that it was
/// acknowledged.
struct LeavingCaution: Sendable {
    let pool: PostgresPool
    let store: any ObjectStore

    private static let pageLimit = 500

    /// - Returns: nil when nothing does; else why, and what to do about it.
    func obstacle(_ stay: SafeMode.Stay) async throws -> String? {
        guard let survey = SurveyFacts(stay) else {
            return """
                What the database may have forgotten has not been looked for yet. Nothing was changed; look again in a minute.
                """
        }
        guard survey.complete else {
            let gaps = survey.skipped.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
            return """
                What the database may have forgotten could not be looked for everywhere (\(gaps.joined(separator: "; "))). Nothing \
                was changed. It is tried again by itself once the source answers; `force` leaves without.
                """
        }
        return try await unfinishedBytes(stay)
    }

    /// An upload of before that this database takes for unfinished, though its object is there, may have been acknowledged. Outside safe mode
    /// it expires, and its bytes go.
    private func unfinishedBytes(_ stay: SafeMode.Stay) async throws -> String? {
        var found: [String] = []
        var after = ""
        while true {
            let keys = try await LossStore.openKeys(
                before: stay.enteredAt,
                after: after,
                limit: Self.pageLimit,
                on: pool
            )
            for key in keys where try await store.head(key) != nil { found.append(key) }
            guard keys.count == Self.pageLimit, let last = keys.last else { break }
            after = last
        }
        guard let first = found.first else { return nil }
        return """
            \(found.count) objects lie under uploads of before that this database takes for unfinished; they may have been \
            acknowledged, and would be discarded. The first is \(first). Nothing was changed. Complete their sessions again \
            (POST /api/v1/uploads/{id}/complete) or adopt the objects (POST /api/v1/repairs); `force` gives them up.
            """
    }
}

/// What a survey says of itself.
struct SurveyFacts: Decodable, Sendable {
    let complete: Bool
    /// Why a source could not be compared.
    let skipped: [String: String]
    private let begun: String?

    /// By the database's clock.
    var begunAt: Timestamp? { begun.flatMap { Timestamp(rfc3339: $0) } }

    private enum CodingKeys: String, CodingKey {
        case complete, skipped
        case begun = "begun_at"
    }

    /// Nil until a survey was made.
    init?(_ stay: SafeMode.Stay) {
        guard stay.surveyedAt != nil, let json = stay.survey,
            let facts = try? JSONDecoder().decode(Self.self, from: Data(json.utf8))
        else { return nil }
        self = facts
    }
}
