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

    /// So many reasons are enough.
    private static let reasonLimit = 10
    /// Objects asked for at the same time.
    private static let width = 16
    private static let pageLimit = 160
    /// So many unfinished uploads are looked at in one request.
    var uploadLimit = 20_000

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
        guard !survey.isListFull else {
            return """
                More was lost than the report lists. Nothing was changed. Plan and run the adoptions it lists (POST /api/v1/repairs with \
                safe_mode); then it is made anew and lists the next. `force` leaves without.
                """
        }
        guard let at = survey.begunAt ?? stay.surveyedAt,
            try await !LossStore.hasEndedPlan(since: at, on: pool)
        else {
            return """
                Since the report was made a plan of adoptions has ended: what was lost is looked for anew. Nothing was changed; look \
                again in a minute.
                """
        }
        return try await unfinishedBytes(stay)
    }

    /// An upload of before that this database takes for unfinished, though its object is there, may have been acknowledged. Outside safe mode
    /// it expires, and its bytes go.
    private func unfinishedBytes(_ stay: SafeMode.Stay) async throws -> String? {
        var found: [String] = []
        var (after, count, isEnd) = ("", 0, false)
        while !isEnd, found.count < Self.reasonLimit {
            guard count < uploadLimit else {
                guard found.isEmpty else { break }
                return Self.tooMany(uploadLimit)
            }
            let keys = try await LossStore.openKeys(
                before: stay.enteredAt,
                after: after,
                limit: Self.pageLimit,
                on: pool
            )
            let store = self.store
            let looks = await inParallel(keys, limit: Self.width) { key -> Result<Bool, StoreFailure> in
                do throws(StoreFailure) { return .success(try await store.head(key) != nil) } catch {
                    return .failure(error)
                }
            }
            for (key, look) in looks where try look.get() { found.append(key) }
            count += keys.count
            isEnd = keys.count < Self.pageLimit
            after = keys.last ?? after
        }
        guard let first = found.min() else { return nil }
        return """
            \(found.count)\(isEnd ? "" : " or more") objects lie under uploads of before that this database takes for unfinished; they may have been \
            acknowledged, and would be discarded. The first is \(first). Nothing was changed. Complete their sessions again \
            (POST /api/v1/uploads/{id}/complete) or adopt the objects (POST /api/v1/repairs); `force` gives them up.
            """
    }

    private static func tooMany(_ limit: Int) -> String {
        """
        More than \(limit) uploads of before are unfinished in this database. Under the first of them lies no object; the others were \
        not looked at. Nothing was changed. End those that nobody goes on with (DELETE /api/v1/uploads/{id}) and try again; `force` leaves \
        without looking.
        """
    }
}

/// What a survey says of itself.
struct SurveyFacts: Decodable, Sendable {
    let complete: Bool
    /// Why a source could not be compared.
    let skipped: [String: String]
    private let listFull: Bool?
    private let begun: String?

    /// Whether more was lost than is listed, and what is listed can be adopted to make room.
    var isListFull: Bool { listFull ?? false }

    /// By the database's clock.
    var begunAt: Timestamp? { begun.flatMap { Timestamp(rfc3339: $0) } }

    private enum CodingKeys: String, CodingKey {
        case complete, skipped
        case listFull = "list_full"
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
