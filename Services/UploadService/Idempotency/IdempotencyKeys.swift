import Determinism
import FaultPoints
import PostgresClient

/// Sees to it that the requests with one key have one effect.
///
/// The key is claimed before anything is done, and the answer is stored in the transaction of the effect, under the epoch of
/// the claim: of a request that was taken for dead and the one that took over, only one can commit. What fails is not stored:
/// nothing was kept of it, so the same key may be sent again.
///
/// Source: draft-ietf-httpapi-idempotency-key-header; unlike the first Stripe API, which replays failures too, but like its
/// second.
struct IdempotencyKeys: Sendable {
    let pool: PostgresPool
    /// After this long without a sign of life the same request may take over.
    let lease: Duration
    let faults: any Faults

    func claim(_ slot: KeySlot) async throws(KeyFailure) -> KeyVerdict { try await claim(slot, lease) }

    /// Keeps the key from being used for anything but this kind of request, which may be sent at any time, also twice at once:
    /// what it does is done under keys of its items.
    ///
    /// - Returns: what lets it go again; nil when the request has been answered.
    @discardableResult
    func reserve(_ slot: KeySlot) async throws(KeyFailure) -> KeyClaim? {
        guard case .claimed(let claim) = try await claim(slot, .zero) else { return nil }
        return claim
    }

    private func claim(_ slot: KeySlot, _ lease: Duration) async throws(KeyFailure) -> KeyVerdict {
        do {
            try faults.reach(.beforeKeyClaimed)
            let verdict = try await pool.withTransaction {
                (tx: borrowing Transaction) async throws -> KeyVerdict in
                try await IdempotencyStore.claim(slot, lease: lease, in: tx)
            }
            try faults.reach(.afterKeyClaimed)
            return verdict
        } catch let failure as TransactionError<any Error> {
            throw KeyFailure(failure)
        } catch { throw .interrupted }
    }

    /// - Returns: false when the key was taken over: there is no point in going on.
    func renew(_ claim: KeyClaim) async throws(DatabaseError) -> Bool {
        try await IdempotencyStore.renew(claim, lease: lease, on: pool)
    }

    /// Keeps the key while `body` works, however long that takes: the same request, sent again, is told that it is being served. When
    /// the database is away for longer than the lease the key may be taken over; what the request does must bear that.
    func keeping<Value>(
        _ claim: KeyClaim?,
        _ time: any TimeSource,
        _ body: () async throws -> Value
    ) async throws -> Value {
        guard let claim else { return try await body() }
        let renewing = Task {
            while !Task.isCancelled {
                do { try await time.sleep(for: lease / 4) } catch { return }
                if (try? await renew(claim)) == false { return }
            }
        }
        defer { renewing.cancel() }
        return try await body()
    }

    /// For what is not one transaction but may be repeated: stores the answer once everything is done.
    ///
    /// - Returns: what to answer: that of another request with this key, when it was faster.
    func finish(_ claim: KeyClaim, _ answer: StoredAnswer) async -> StoredAnswer {
        do {
            try faults.reach(.beforeKeyAnswered)
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                guard try await IdempotencyStore.finish([(claim, answer)], in: tx) else {
                    throw KeyFailure.overtaken
                }
            }
            try faults.reach(.afterKeyAnswered)
            return answer
        } catch { return (try? await release(claim)) ?? answer }
    }

    /// Lets the key go after a failure, also when the request's task is cancelled. When that cannot be done the lease runs out.
    ///
    /// - Returns: the answer, when the request has one although it seemed to fail.
    /// - Throws: `.unsettled`.
    func release(_ claim: KeyClaim) async throws(KeyFailure) -> StoredAnswer? {
        let work = Task { () -> Result<StoredAnswer?, KeyFailure> in
            do {
                try faults.reach(.beforeKeyReleased)
                let answer = try await pool.withTransaction {
                    (tx: borrowing Transaction) async throws(DatabaseError) -> StoredAnswer? in
                    try await IdempotencyStore.release(claim, in: tx)
                }
                try faults.reach(.afterKeyReleased)
                return .success(answer)
            } catch { return .failure(.unsettled) }
        }
        return try await work.value.get()
    }
}

extension KeyFailure {
    fileprivate init(_ failure: TransactionError<any Error>) {
        switch failure {
        case .rolledBack(let reason as KeyFailure): self = reason
        case .rolledBack(let reason as DatabaseError): self = .database(reason)
        case .rolledBack: self = .interrupted
        case .notStarted(let reason), .commitRefused(let reason), .commitOutcomeUnknown(let reason):
            self = .database(reason)
        }
    }
}
