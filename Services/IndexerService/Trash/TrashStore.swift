import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `trash` and `trash_orders`.
enum TrashStore {
    private static let accept: Statement = """
        WITH new AS (
            INSERT INTO trash_orders (order_id, version, plan_id, object_key) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING)
        SELECT NOT EXISTS (SELECT FROM trash_orders WHERE order_id = $1 AND version > $2)
        """
    private static let standing: Statement = """
        SELECT o.outcome, o.reason, o.answered_at,
               NOT EXISTS (SELECT FROM trash_orders n WHERE n.order_id = $1 AND n.version > $2)
          FROM trash_orders o WHERE o.order_id = $1 AND o.version = $2
        """
    private static let answer: Statement = """
        UPDATE trash_orders SET outcome = $3, reason = $4, answered_at = clock_timestamp()
         WHERE order_id = $1 AND version = $2 AND outcome IS NULL
        """
    private static let begin: Statement = """
        INSERT INTO trash (plan_id, object_key, trash_key, size, etag) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (plan_id, object_key) DO NOTHING
        """
    private static let find: Statement = """
        SELECT trash_key, size, etag, state, removal_count, trashed_at IS NOT NULL,
               (extract(epoch FROM clock_timestamp() - removing_at) * 1000)::bigint
          FROM trash WHERE plan_id = $1 AND object_key = $2
        """
    /// A newer order about the object stops the older one here, whoever still drives it.
    private static let noteCopied: Statement = """
        UPDATE trash SET state = 'COPIED', copied_at = coalesce(copied_at, clock_timestamp())
         WHERE plan_id = $1 AND object_key = $2 AND state IN ('COPYING', 'COPIED')
           AND NOT EXISTS (SELECT FROM trash_orders n WHERE n.order_id = $3 AND n.version > $4)
        """
    private static let noteRemoving: Statement = """
        UPDATE trash SET state = 'REMOVING', removal_count = removal_count + 1, removing_at = clock_timestamp()
         WHERE plan_id = $1 AND object_key = $2 AND state IN ('COPIED', 'REMOVING')
           AND NOT EXISTS (SELECT FROM trash_orders n WHERE n.order_id = $3 AND n.version > $4)
        """
    private static let noteTrashed: Statement = """
        UPDATE trash SET state = 'TRASHED', trashed_at = clock_timestamp()
         WHERE plan_id = $1 AND object_key = $2 AND state = 'REMOVING'
        """
    private static let noteRestoring: Statement = """
        UPDATE trash SET state = 'RESTORING'
         WHERE plan_id = $1 AND object_key = $2
           AND state IN ('COPYING', 'COPIED', 'REMOVING', 'TRASHED', 'RESTORING')
        """
    private static let noteRestored: Statement = """
        UPDATE trash SET state = 'RESTORED' WHERE plan_id = $1 AND object_key = $2 AND state = 'RESTORING'
        """
    private static let due: Statement = """
        SELECT plan_id, object_key, trash_key, state FROM trash
         WHERE state = 'EMPTYING' OR state IN ('COPYING', 'COPIED', 'REMOVING', 'TRASHED', 'RESTORED')
           AND copied_at < clock_timestamp() - make_interval(secs => $1::bigint / 1000.0)
         ORDER BY copied_at LIMIT $2
        """
    private static let noteEmptying: Statement = """
        UPDATE trash SET state = 'EMPTYING' WHERE plan_id = $1 AND object_key = $2 AND state = $3
        """
    private static let noteEmptied: Statement = """
        UPDATE trash SET state = 'EMPTIED' WHERE plan_id = $1 AND object_key = $2 AND state = 'EMPTYING'
        """

    /// Takes note of an order.
    ///
    /// - Returns: false when a newer one about the same object is known: this one is not carried out.
    static func accept(_ order: TrashSaga.Order, in tx: borrowing Transaction) async throws(DatabaseError)
        -> Bool
    {
        try await tx.query(accept, order.fileID, order.version, order.planID, order.objectKey).first?.bool(0)
            ?? false
    }

    /// How an order stands.
    struct Standing: Sendable {
        /// With the instant of the answer.
        let outcome: (TrashSaga.Outcome, Timestamp)?
        let isNewest: Bool
    }

    /// - Returns: nil when the order was never accepted.
    static func standing(
        of order: TrashSaga.Order,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Standing? {
        guard let row = try await pool.query(standing, order.fileID, order.version).first else { return nil }
        return try standing(row)
    }

    static func standing(
        of order: TrashSaga.Order,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Standing? {
        guard let row = try await tx.query(standing, order.fileID, order.version).first else { return nil }
        return try standing(row)
    }

    private static func standing(_ row: Row) throws(DatabaseError) -> Standing {
        var outcome: (TrashSaga.Outcome, Timestamp)?
        if let word = try row.optionalText(0), let at = try row.optionalTimestamp(2),
            let known = TrashSaga.Outcome(word, try row.optionalText(1))
        {
            outcome = (known, at)
        }
        return Standing(outcome: outcome, isNewest: try row.bool(3))
    }

    /// Remembers what an order came to; the first answer stays.
    static func answer(
        _ order: TrashSaga.Order,
        _ outcome: TrashSaga.Outcome,
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        _ = try await pool.execute(answer, order.fileID, order.version, outcome.word, outcome.reason)
    }

    /// One object on its way to the trash, in it, or on its way back.
    struct Entry: Sendable {
        let trashKey: String
        let size: Int64
        let etag: String
        let state: String
        /// How often somebody was about to delete the original.
        let removalCount: Int
        let isTrashed: Bool
        /// Since the last of these.
        let sinceRemoval: Duration?
    }

    static func begin(
        _ order: TrashSaga.Order,
        trashKey: String,
        size: Int64,
        etag: String,
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        _ = try await pool.execute(begin, order.planID, order.objectKey, trashKey, size, etag)
    }

    static func find(_ order: TrashSaga.Order, on pool: PostgresPool) async throws(DatabaseError) -> Entry? {
        guard let row = try await pool.query(find, order.planID, order.objectKey).first else { return nil }
        return Entry(
            trashKey: try row.text(0),
            size: try row.int64(1),
            etag: try row.text(2),
            state: try row.text(3),
            removalCount: try row.int(4),
            isTrashed: try row.bool(5),
            sinceRemoval: try row.optionalInt64(6).map { .milliseconds($0) }
        )
    }

    /// - Returns: false when a newer order has taken the object over.
    static func noteCopied(_ order: TrashSaga.Order, on pool: PostgresPool) async throws(DatabaseError)
        -> Bool
    {
        try await pool.execute(noteCopied, order.planID, order.objectKey, order.fileID, order.version) == 1
    }

    /// To be committed before the original is deleted.
    ///
    /// - Returns: false when a newer order has taken the object over: it must not be deleted.
    static func noteRemoving(
        _ order: TrashSaga.Order,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(noteRemoving, order.planID, order.objectKey, order.fileID, order.version) == 1
    }

    static func noteTrashed(_ order: TrashSaga.Order, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(noteTrashed, order.planID, order.objectKey)
    }

    /// From here on nobody begins to delete the original.
    ///
    /// - Returns: false when there is nothing to bring back: it is back, or the trash was emptied.
    static func noteRestoring(_ order: TrashSaga.Order, on pool: PostgresPool) async throws(DatabaseError)
        -> Bool
    {
        try await pool.execute(noteRestoring, order.planID, order.objectKey) == 1
    }

    static func noteRestored(_ order: TrashSaga.Order, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(noteRestored, order.planID, order.objectKey)
    }

    /// What has lain in the trash for long enough.
    struct Due: Sendable {
        let planID: UUID
        let objectKey: String
        let trashKey: String
        let state: String
    }

    static func due(after retention: Duration, limit: Int, on pool: PostgresPool) async throws(DatabaseError)
        -> [Due]
    {
        var due: [Due] = []
        for row in try await pool.query(Self.due, retention.wholeMilliseconds, limit) {
            due.append(
                Due(
                    planID: try row.uuid(0),
                    objectKey: try row.text(1),
                    trashKey: try row.text(2),
                    state: try row.text(3)
                )
            )
        }
        return due
    }

    /// - Returns: false when it is being brought back, or somebody else has begun.
    static func noteEmptying(_ due: Due, in tx: borrowing Transaction) async throws(DatabaseError) -> Bool {
        try await tx.execute(noteEmptying, due.planID, due.objectKey, due.state) == 1
    }

    static func noteEmptied(_ due: Due, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(noteEmptied, due.planID, due.objectKey)
    }
}
