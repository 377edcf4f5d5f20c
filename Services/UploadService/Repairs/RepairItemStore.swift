import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `repair_items`.
enum RepairItemStore {
    private static let insert: Statement = """
        INSERT INTO repair_items (plan_id, number, finding_id, kind, action, subject, tenant, file_id, upload_id,
                                  object_key, multipart_id, row_version, row_state, size, etag)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """
    private static let page: Statement = """
        SELECT plan_id, number, finding_id, kind, action, subject, tenant, file_id, upload_id, object_key, multipart_id,
               row_version, row_state, size, etag, state, outcome, after_version, shadow::text, order_id,
               order_version, ordered_at, trash_key
          FROM repair_items WHERE plan_id = $1 AND number > $2 ORDER BY number LIMIT $3
        """
    private static let lock: Statement = """
        SELECT plan_id, number, finding_id, kind, action, subject, tenant, file_id, upload_id, object_key, multipart_id,
               row_version, row_state, size, etag, state, outcome, after_version, shadow::text, order_id,
               order_version, ordered_at, trash_key
          FROM repair_items WHERE plan_id = $1 AND number = $2 FOR UPDATE
        """
    private static let settle: Statement = """
        UPDATE repair_items
           SET state = $3, outcome = $4, after_version = coalesce($5, after_version),
               shadow = coalesce($6::text::jsonb, shadow), updated_at = clock_timestamp()
         WHERE plan_id = $1 AND number = $2
        """
    /// Versions of one order rise with time, and never fall, whatever the clock does.
    private static let order: Statement = """
        UPDATE repair_items i
           SET state = $3, order_id = $4, outcome = NULL,
               order_version = greatest(first_version(),
                   1 + coalesce((SELECT max(o.order_version) FROM repair_items o WHERE o.order_id = $4), 0)),
               ordered_at = clock_timestamp(), asked_at = clock_timestamp(), updated_at = clock_timestamp()
         WHERE plan_id = $1 AND number = $2
        RETURNING order_version, ordered_at, trash_key
        """
    private static let setTrashKey: Statement = """
        UPDATE repair_items SET trash_key = $3 WHERE plan_id = $1 AND number = $2
        """
    private static let answer: Statement = """
        UPDATE repair_items SET state = $5, outcome = $6, updated_at = clock_timestamp()
         WHERE plan_id = $1 AND order_id = $2 AND order_version = $3 AND state = $4
        RETURNING action
        """
    private static let unanswered: Statement = """
        SELECT plan_id, number, finding_id, kind, action, subject, tenant, file_id, upload_id, object_key, multipart_id,
               row_version, row_state, size, etag, state, outcome, after_version, shadow::text, order_id,
               order_version, ordered_at, trash_key
          FROM repair_items
         WHERE state IN ('ORDERED', 'UNDOING')
           AND asked_at < clock_timestamp() - make_interval(secs => $1::bigint / 1000.0)
         ORDER BY asked_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """
    private static let noteAsked: Statement = """
        UPDATE repair_items SET asked_at = clock_timestamp() WHERE plan_id = $1 AND number = $2
        """
    private static let isOrdered: Statement = """
        SELECT 1 FROM repair_items
         WHERE object_key = $1 AND state IN ('ORDERED', 'UNDOING') AND action = 'quarantine' AND plan_id <> $2
        """
    private static let counts: Statement = """
        SELECT state, count(*) FROM repair_items WHERE plan_id = $1 GROUP BY state
        """

    static func insert(
        _ items: [RepairItem],
        of plan: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        guard !items.isEmpty else { return }
        _ = try await tx.pipeline(items.map { insertion($0, plan) })
    }

    private static func insertion(_ item: RepairItem, _ plan: UUID) -> BoundStatement {
        BoundStatement(
            insert,
            plan,
            item.number,
            item.findingID,
            item.kind.rawValue,
            item.action.rawValue,
            item.subject,
            item.tenant,
            item.fileID,
            item.uploadID,
            item.objectKey,
            item.multipartID,
            item.rowVersion,
            item.rowState,
            item.size,
            item.etag
        )
    }

    static func page(
        of plan: UUID,
        after number: Int,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [StoredRepairItem] {
        try await pool.query(page, plan, number, limit).map(item)
    }

    static func lock(
        _ plan: UUID,
        _ number: Int,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> StoredRepairItem? {
        try await tx.query(lock, plan, number).first.map(item)
    }

    /// - Parameters:
    ///   - afterVersion: the version the action gave the file.
    ///   - shadow: the row as it was before, as JSON.
    static func settle(
        _ item: StoredRepairItem,
        _ state: StoredRepairItem.State,
        _ outcome: String,
        afterVersion: Int64? = nil,
        shadow: String? = nil,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(
            settle,
            item.planID,
            item.item.number,
            state.rawValue,
            outcome,
            afterVersion,
            shadow
        )
    }

    /// Gives the item a new order, whose version is above that of every order of the same id before, and of every epoch before.
    static func order(
        _ item: StoredRepairItem,
        id: UUID,
        _ state: StoredRepairItem.State,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> StoredRepairItem.Order {
        let rows = try await tx.query(order, item.planID, item.item.number, state.rawValue, id)
        guard let row = rows.first else { throw .unexpectedResult("the item of the order is not there") }
        return StoredRepairItem.Order(
            id: id,
            version: try row.int64(0),
            at: try row.timestamp(1),
            trashKey: try row.optionalText(2)
        )
    }

    static func setTrashKey(
        _ key: String,
        of item: StoredRepairItem,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(setTrashKey, item.planID, item.item.number, key)
    }

    /// Takes in the answer to one order; an answer to another one, or a second time, changes nothing.
    ///
    /// - Returns: the item's action; nil when nothing was changed.
    static func answer(
        _ plan: UUID,
        order: UUID,
        version: Int64,
        from: StoredRepairItem.State,
        to state: StoredRepairItem.State,
        _ outcome: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> RepairAction? {
        let rows = try await tx.query(answer, plan, order, version, from.rawValue, state.rawValue, outcome)
        return try rows.first.flatMap { row throws(DatabaseError) in RepairAction(rawValue: try row.text(0)) }
    }

    /// Orders nobody has answered for so long, locked until `tx` ends.
    static func unanswered(
        for patience: Duration,
        limit: Int,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [StoredRepairItem] {
        try await tx.query(unanswered, patience.wholeMilliseconds, limit).map(item)
    }

    static func noteAsked(_ item: StoredRepairItem, in tx: borrowing Transaction) async throws(DatabaseError)
    {
        try await tx.execute(noteAsked, item.planID, item.item.number)
    }

    /// Whether another plan's order about this key has not been answered.
    static func isOrdered(
        _ key: String,
        besides plan: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await !tx.query(isOrdered, key, plan).isEmpty
    }

    static func counts(of plan: UUID, on pool: PostgresPool) async throws(DatabaseError) -> [String: Int64] {
        var counts: [String: Int64] = [:]
        for row in try await pool.query(Self.counts, plan) { counts[try row.text(0)] = try row.int64(1) }
        return counts
    }
}
