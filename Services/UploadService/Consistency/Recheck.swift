import Determinism
import Digests
import ObjectStore
import PostgresClient
import ServiceParts

/// Looks again at what looked wrong: its row on the primary after the listing, its object, and after a pause both once more.
/// Only what stayed the same and stayed wrong is a finding; the rest was on its way.
struct Recheck: Sendable {
    let store: any ObjectStore
    let bucket: BucketIdentity
    let pool: PostgresPool
    let budget: RequestBudget
    let time: any TimeSource
    /// Between the two looks.
    let pause: Duration

    /// Requests under way at the same time, for each range.
    private let parallelLimit = 16

    struct Outcome: Sendable {
        var findings: [Finding] = []
        /// Candidates that were gone, or had changed, when they were looked at again.
        var inFlightCount = 0
        /// Objects with another ETag and the very bytes that were stored: copied by somebody.
        var etagChangedCount = 0
        /// Why part of it remains unknown.
        var losses: [String] = []
    }

    /// - Parameter since: when the listing began, by the database's clock.
    func settle(_ candidates: [Candidate], listedSince since: Timestamp) async throws(CheckFailure) -> Outcome
    {
        var outcome = Outcome()
        guard !candidates.isEmpty else { return outcome }
        let keys = candidates.map(\.key)
        let rows = try await rows(of: keys)
        let unchanged = candidates.filter { candidate in
            guard let row = candidate.row else { return rows[candidate.key] == nil }
            return rows[candidate.key]?.isUnchanged(since: row) ?? false
        }
        let seen = try await objects(unchanged.map(\.key), &outcome)
        noteUnlisted(unchanged, seen, rows, since, &outcome)
        let suspects = unchanged.filter { candidate in
            guard let object = seen[candidate.key] else { return false }
            return candidate.verdict(object, rows[candidate.key]) != nil
        }
        if !suspects.isEmpty { try await confirm(suspects, seen, rows, &outcome) }
        let known = outcome.findings.count + outcome.etagChangedCount + outcome.losses.count
        outcome.inFlightCount = max(0, candidates.count - known)
        return outcome
    }

    private func confirm(
        _ suspects: [Candidate],
        _ seen: [KeyText: ObjectState?],
        _ rows: [KeyText: RowFacts],
        _ outcome: inout Outcome
    ) async throws(CheckFailure) {
        do { try await time.sleep(for: pause) } catch { throw .stopped }
        let again = try await objects(suspects.map(\.key), &outcome)
        let bytes = try await digests(of: suspects, again, &outcome)
        // After the objects: a row that still says what it said before was right about them all the while.
        let rowsAfter = try await self.rows(of: suspects.map(\.key))
        if suspects.contains(where: { $0.kind == .missingObject }) {
            do { try await bucket.confirm() } catch { throw .store(error) }
        }
        for suspect in suspects {
            let (key, before, after) = (suspect.key, rows[suspect.key], rowsAfter[suspect.key])
            let isSame = after.map { $0.isUnchanged(since: before) } ?? (before == nil)
            guard isSame, let object = again[key], let first = seen[key], object == first,
                var verdict = suspect.verdict(object, after)
            else { continue }
            if verdict.kind == .digestMismatch, let stored = after?.file?.sha256 {
                // Nil: they could not be read, which is told elsewhere.
                guard let found = bytes[key] else { continue }
                if found == stored {
                    outcome.etagChangedCount += 1
                    continue
                }
                verdict = Verdict(
                    kind: .digestMismatch,
                    detail: "sha256: \(found.hex) where \(stored.hex) was stored"
                )
            }
            outcome.findings.append(
                Finding(verdict.kind, key: key, row: after, object: object, verdict.detail)
            )
        }
    }

    /// An object that is there, and was there before the listing began, but was not listed: the listing cannot be relied on.
    private func noteUnlisted(
        _ candidates: [Candidate],
        _ seen: [KeyText: ObjectState?],
        _ rows: [KeyText: RowFacts],
        _ since: Timestamp,
        _ outcome: inout Outcome
    ) {
        for candidate in candidates where candidate.kind == .missingObject {
            guard let object = seen[candidate.key], object != nil,
                let file = rows[candidate.key]?.file, file.createdAt < since
            else { continue }
            outcome.losses.append("the listing left out \(candidate.key), which exists")
        }
    }

    private func rows(of keys: [KeyText]) async throws(CheckFailure) -> [KeyText: RowFacts] {
        try await asked { () throws(DatabaseError) in try await ComparisonStore.rows(of: keys, on: pool) }
    }

    /// What the store says of each key: nil inside means that it is proven not there. A key it refuses to tell of is left
    /// out, and is a loss.
    private func objects(
        _ keys: [KeyText],
        _ outcome: inout Outcome
    ) async throws(CheckFailure) -> [KeyText: ObjectState?] {
        var objects: [KeyText: ObjectState?] = [:]
        let answers = await inParallel(keys, limit: parallelLimit) { key in
            await Result { () async throws(CheckFailure) in
                try await budget.take()
                do throws(StoreFailure) { return try await store.head(key.text) } catch {
                    throw CheckFailure(error)
                }
            }
        }
        for (key, answer) in answers {
            switch answer {
            case .success(let facts):
                objects.updateValue(facts.map { ObjectState(size: $0.size, etag: $0.etag) }, forKey: key)
            case .failure(.store(.refused(let status, let code, _))):
                outcome.losses.append("the store refuses to tell of \(key): \(status) \(code)")
            case .failure(let failure): throw failure
            }
        }
        return objects
    }

    /// Of those that differ by their digest, where it is known what it should be.
    private func digests(
        of suspects: [Candidate],
        _ objects: [KeyText: ObjectState?],
        _ outcome: inout Outcome
    ) async throws(CheckFailure) -> [KeyText: Digest256] {
        let keys = suspects.filter { $0.kind == .digestMismatch && $0.row?.file?.sha256 != nil }.map(\.key)
            .filter { (objects[$0] ?? nil) != nil }
        let reader = DigestReader(store: store, budget: budget)
        let answers = await inParallel(keys, limit: 2) { key in
            await Result { () async throws(CheckFailure) in try await reader.digest(of: key) }
        }
        var digests: [KeyText: Digest256] = [:]
        for (key, answer) in answers {
            switch answer {
            case .success(let digest): digests[key] = digest
            case .failure(.store(.refused(let status, let code, _))):
                outcome.losses.append("the store refuses to give \(key): \(status) \(code)")
            case .failure(let failure): throw failure
            }
        }
        return digests
    }
}

extension CheckFailure {
    init(_ failure: StoreFailure) {
        if case .cancelled = failure { self = .stopped } else { self = .store(failure) }
    }
}
