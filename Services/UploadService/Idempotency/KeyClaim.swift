import PostgresClient

import struct FoundationEssentials.UUID

/// One row of `idempotency_keys`, asked for.
struct KeySlot: Hashable, Sendable {
    let owner: Owner
    let key: IdempotencyKey
    /// 0 for the request as a whole, from 1 on for the files of a form.
    var item = 0
    let fingerprint: RequestFingerprint
}

/// The right to do what the request with a key asks for, as long as nobody takes the key over with a higher epoch.
struct KeyClaim: Hashable, Sendable {
    let slot: KeySlot
    let epoch: Int64
}

/// What a request with a key is told by the table.
enum KeyVerdict: Sendable {
    case claimed(KeyClaim)
    /// The request had its effect: this is the answer.
    case answered(StoredAnswer)
}

/// Why a request with a key is not served.
enum KeyFailure: Error, Sendable {
    /// The key was used for another request.
    case reused
    /// The same request is being served.
    case inUse(retryAfterSeconds: Int)
    /// Another request took the key over meanwhile. Nothing was changed.
    case overtaken
    /// The request failed, but the key could not be let go: another one that took over may have had the effect.
    case unsettled
    /// Nothing was done.
    case database(DatabaseError)
    case interrupted
}

/// An answer as it is sent, and sent again. It has no secret: whoever may read the database may read it.
struct StoredAnswer: Equatable, Sendable {
    let status: Int
    let location: String?
    /// JSON.
    let body: String
    /// The file that the request has made. The answer is kept as long as it is there, and 30 days more.
    let madeFile: UUID?
    /// Whether it was given before.
    let isRepeat: Bool
}

/// A claimed key, and how the answer follows from what the request comes to.
struct KeyedAnswer<Outcome>: Sendable {
    let claim: KeyClaim
    let make: @Sendable (Outcome) throws -> StoredAnswer

    /// To be called in the transaction that makes the outcome true.
    ///
    /// - Throws: `KeyFailure.overtaken`: let the transaction roll back.
    func store(_ outcome: Outcome, in tx: borrowing Transaction) async throws {
        try await Self.store([(self, outcome)], in: tx)
    }

    /// The same for several requests, in one round trip.
    static func store(_ answers: [(KeyedAnswer, Outcome)], in tx: borrowing Transaction) async throws {
        let finished = try answers.map { keyed, outcome in (keyed.claim, try keyed.make(outcome)) }
        guard try await IdempotencyStore.finish(finished, in: tx) else { throw KeyFailure.overtaken }
    }
}
