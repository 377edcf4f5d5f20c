import Determinism
import Digests
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `idempotency_keys`.
enum IdempotencyStore {
    /// Claims a key that is new, or whose request has not been heard of for so long that it may be gone. Waits for a transaction
    /// that is about to answer, and leaves the row locked when it does not claim it.
    private static let claim: Statement = """
        INSERT INTO idempotency_keys AS k (tenant, principal, key, item, fingerprint, epoch, locked_until, keep_until)
        VALUES ($1, $2, $3, $4, $5, nextval('idempotency_epochs'),
                clock_timestamp() + make_interval(secs => $6::bigint / 1000.0),
                clock_timestamp() + interval '7 days')
        ON CONFLICT (tenant, principal, key, item) DO UPDATE
           SET epoch = EXCLUDED.epoch, locked_until = EXCLUDED.locked_until, keep_until = EXCLUDED.keep_until
         WHERE k.state = 'RUNNING' AND k.fingerprint = EXCLUDED.fingerprint
           AND k.locked_until <= clock_timestamp()
        RETURNING epoch
        """
    private static let look: Statement = """
        SELECT fingerprint = $5, state = 'DONE', status, location, body, file_id,
               ceil(extract(epoch FROM locked_until - clock_timestamp()))::bigint
          FROM idempotency_keys
         WHERE tenant = $1 AND principal = $2 AND key = $3 AND item = $4 FOR UPDATE
        """
    private static let renew: Statement = """
        UPDATE idempotency_keys SET locked_until = clock_timestamp() + make_interval(secs => $6::bigint / 1000.0)
         WHERE tenant = $1 AND principal = $2 AND key = $3 AND item = $4 AND epoch = $5
        """
    private static let finish: Statement = """
        UPDATE idempotency_keys
           SET state = 'DONE', status = $6, location = $7, body = $8, file_id = $9::uuid,
               finished_at = clock_timestamp(),
               keep_until = CASE WHEN $9::uuid IS NULL THEN clock_timestamp() + interval '7 days' ELSE 'infinity' END
         WHERE tenant = $1 AND principal = $2 AND key = $3 AND item = $4 AND epoch = $5 AND state = 'RUNNING'
        """
    private static let release: Statement = """
        DELETE FROM idempotency_keys
         WHERE tenant = $1 AND principal = $2 AND key = $3 AND item = $4 AND epoch = $5 AND state = 'RUNNING'
        """
    private static let letGo: Statement = """
        UPDATE idempotency_keys SET keep_until = clock_timestamp() + interval '30 days' WHERE file_id = $1
        """
    /// The row of a form stays as long as one of its files. By `now()`, which an index can be searched for.
    private static let forget: Statement = """
        WITH due AS (
            SELECT tenant, principal, key, item,
                   item = 0 AND EXISTS (SELECT FROM idempotency_keys AS file
                    WHERE file.tenant = k.tenant AND file.principal = k.principal AND file.key = k.key
                      AND file.item > 0) AS has_files
              FROM idempotency_keys AS k
             WHERE keep_until <= now() AND keep_until < 'infinity' AND locked_until <= now()
             ORDER BY keep_until LIMIT $1 FOR UPDATE OF k SKIP LOCKED),
        kept AS (
            UPDATE idempotency_keys AS k SET keep_until = clock_timestamp() + interval '7 days' FROM due
             WHERE due.has_files AND k.item = due.item
               AND k.tenant = due.tenant AND k.principal = due.principal AND k.key = due.key)
        DELETE FROM idempotency_keys AS k USING due
         WHERE NOT due.has_files AND k.item = due.item
           AND k.tenant = due.tenant AND k.principal = due.principal AND k.key = due.key
        """

    /// - Parameter lease: how long nobody else may take the key over without a sign of life.
    /// - Throws: `KeyFailure`, `DatabaseError`.
    static func claim(
        _ slot: KeySlot,
        lease: Duration,
        in tx: borrowing Transaction
    ) async throws -> KeyVerdict {
        let claimed = bound(claim, slot, slot.fingerprint.digest.bytes, lease.wholeMilliseconds)
        if let row = try await tx.pipeline([claimed]).first?.first {
            return .claimed(KeyClaim(slot: slot, epoch: try row.int64(0)))
        }
        guard let row = try await row(of: slot, in: tx) else {
            throw DatabaseError.unexpectedResult("a row that is locked has gone")
        }
        guard row.isSameRequest else { throw KeyFailure.reused }
        guard let answer = row.answer else {
            throw KeyFailure.inUse(retryAfterSeconds: Int(clamping: min(max(row.secondsLocked, 1), 5)))
        }
        return .answered(answer)
    }

    /// - Returns: false when the key was taken over, or let go.
    static func renew(
        _ claim: KeyClaim,
        lease: Duration,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        let renewal = bound(renew, claim.slot, claim.epoch, lease.wholeMilliseconds)
        return try await pool.pipeline([renewal]).first?.affectedRowCount == 1
    }

    /// - Returns: false when the key was taken over, or let go: what else the transaction has done must not be.
    static func finish(
        _ answers: [(claim: KeyClaim, answer: StoredAnswer)],
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        guard !answers.isEmpty else { return true }
        let finished = answers.map { claim, answer in
            bound(
                finish,
                claim.slot,
                claim.epoch,
                answer.status,
                answer.location,
                answer.body,
                answer.madeFile
            )
        }
        return try await tx.pipeline(finished).allSatisfy { $0.affectedRowCount == 1 }
    }

    /// Lets the key go, so that it may be sent again. Waits for a transaction of the same claim whose answer was lost.
    ///
    /// - Returns: the answer, when the request has one after all: its own, or that of the one which took over.
    static func release(
        _ claim: KeyClaim,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> StoredAnswer? {
        let released = bound(release, claim.slot, claim.epoch)
        if try await tx.pipeline([released]).first?.affectedRowCount == 1 { return nil }
        guard let row = try await row(of: claim.slot, in: tx), row.isSameRequest else { return nil }
        return row.answer
    }

    /// The file is gone for good: its key is kept for another 30 days.
    static func letGo(of file: UUID, in tx: borrowing Transaction) async throws(DatabaseError) {
        try await tx.execute(letGo, file)
    }

    /// Deletes keys whose time is over, the oldest first.
    ///
    /// - Returns: how many.
    static func forget(limit: Int, on pool: PostgresPool) async throws(DatabaseError) -> Int {
        try await pool.execute(forget, limit)
    }

    private struct KeyRow {
        let isSameRequest: Bool
        let answer: StoredAnswer?
        let secondsLocked: Int64
    }

    /// With the row locked: an answer that is about to be committed is waited for.
    private static func row(
        of slot: KeySlot,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> KeyRow? {
        let wanted = bound(look, slot, slot.fingerprint.digest.bytes)
        guard let row = try await tx.pipeline([wanted]).first?.first else { return nil }
        var answer: StoredAnswer?
        if try row.bool(1) {
            answer = StoredAnswer(
                status: try row.int(2),
                location: try row.optionalText(3),
                body: try row.text(4),
                madeFile: try row.optionalUUID(5),
                isRepeat: true
            )
        }
        return KeyRow(isSameRequest: try row.bool(0), answer: answer, secondsLocked: try row.int64(6))
    }

    /// The four values that name the row, and then `more`.
    private static func bound(
        _ statement: Statement,
        _ slot: KeySlot,
        _ more: any PostgresEncodable...
    ) -> BoundStatement {
        let row: [any PostgresEncodable] = [slot.owner.tenant, slot.owner.name, slot.key.text, slot.item]
        return BoundStatement(statement, values: row + more)
    }
}
