import Determinism
import Digests
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `repair_plans`.
enum RepairPlanStore {
    private static let insert: Statement = """
        INSERT INTO repair_plans (id, check_id, scope, reason, created_by, incarnation, item_count, harm_count,
                                  byte_count, checked_count, hash, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """
    private static let find: Statement = """
        SELECT id, check_id, scope, reason, created_by, incarnation, state, stop_reason, item_count, harm_count,
               byte_count, checked_count, hash, started_by, is_confirmed, created_at, finished_at
          FROM repair_plans WHERE id = $1
        """
    private static let list: Statement = """
        SELECT id, check_id, scope, reason, created_by, incarnation, state, stop_reason, item_count, harm_count,
               byte_count, checked_count, hash, started_by, is_confirmed, created_at, finished_at
          FROM repair_plans WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2
        """
    /// Begun, not ended, and with items nobody has taken up: those that wait for answers only are not among them.
    private static let open: Statement = """
        SELECT p.id FROM repair_plans p
         WHERE p.state IN ('RUNNING', 'UNDOING') AND EXISTS (
               SELECT FROM repair_items i
                WHERE i.plan_id = p.id
                  AND (i.state = 'PLANNED' OR p.state = 'UNDOING'
                   AND (i.state = 'WAITING' OR i.state IN ('ORDERED', 'DONE') AND i.action = 'quarantine'
                     OR i.state = 'DONE' AND i.action IN ('mark_lost', 'remove', 'adopt') AND i.outcome NOT LIKE 'not undone%')))
         ORDER BY p.updated_at LIMIT 20
        """
    private static let start: Statement = """
        UPDATE repair_plans
           SET state = 'RUNNING', started_by = $2, is_confirmed = is_confirmed OR $3, stop_reason = NULL,
               started_at = coalesce(started_at, clock_timestamp()), updated_at = clock_timestamp(),
               finished_at = NULL
         WHERE id = $1 AND state IN ('PLANNED', 'RUNNING', 'STOPPED', 'DONE')
        """
    private static let stop: Statement = """
        UPDATE repair_plans SET state = 'STOPPED', stop_reason = $2, updated_at = clock_timestamp()
         WHERE id = $1 AND state = 'RUNNING'
        """
    private static let startUndo: Statement = """
        UPDATE repair_plans SET state = 'UNDOING', undone_by = $2, updated_at = clock_timestamp()
         WHERE id = $1 AND state IN ('RUNNING', 'STOPPED', 'DONE', 'UNDOING', 'UNDONE')
        """
    private static let lock: Statement = "SELECT state FROM repair_plans WHERE id = $1 FOR UPDATE"
    /// Nothing is left to be done or answered.
    private static let finish: Statement = """
        UPDATE repair_plans p
           SET state = CASE p.state WHEN 'RUNNING' THEN 'DONE' ELSE 'UNDONE' END,
               updated_at = clock_timestamp(), finished_at = clock_timestamp()
         WHERE id = $1
           AND (state = 'RUNNING' AND NOT EXISTS (SELECT FROM repair_items i
                 WHERE i.plan_id = p.id AND i.state IN ('PLANNED', 'ORDERED'))
             OR state = 'UNDOING' AND NOT EXISTS (SELECT FROM repair_items i
                 WHERE i.plan_id = p.id AND i.state IN ('PLANNED', 'WAITING', 'ORDERED', 'UNDOING')))
        """

    static func insert(_ plan: RepairPlan, in tx: borrowing Transaction) async throws(DatabaseError) {
        try await tx.execute(
            insert,
            plan.id,
            plan.checkID,
            plan.scope.rawValue,
            plan.reason,
            plan.createdBy,
            plan.incarnation,
            plan.itemCount,
            plan.harmCount,
            plan.byteCount,
            plan.checkedCount,
            plan.hash.bytes,
            plan.createdAt
        )
    }

    static func find(_ id: UUID, on pool: PostgresPool) async throws(DatabaseError) -> RepairPlan? {
        try await pool.query(find, id).first.map(plan)
    }

    /// Newest first.
    static func list(
        before: UUID?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [RepairPlan] {
        var plans: [RepairPlan] = []
        for row in try await pool.query(list, before, limit) { plans.append(try plan(row)) }
        return plans
    }

    /// Plans whose run or undo was interrupted.
    static func open(on pool: PostgresPool) async throws(DatabaseError) -> [UUID] {
        try await pool.query(open).map { row throws(DatabaseError) in try row.uuid(0) }
    }

    /// - Returns: false when the plan is being undone, or was.
    static func start(
        _ id: UUID,
        by actor: String,
        isConfirmed: Bool,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(start, id, actor, isConfirmed) == 1
    }

    static func stop(_ id: UUID, _ reason: String, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(stop, id, reason)
    }

    /// - Returns: false when nothing of the plan was begun, or all of it is undone.
    static func startUndo(
        _ id: UUID,
        by actor: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(startUndo, id, actor) == 1
    }

    /// The state; nobody changes the plan, nor ends it, until `tx` ends.
    static func lock(_ id: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> RepairPlan
        .State?
    {
        guard let row = try await tx.query(lock, id).first else { return nil }
        return RepairPlan.State(rawValue: try row.text(0))
    }

    /// Ends a plan of which nothing is open. To be called with the plan locked.
    static func finish(_ id: UUID, in tx: borrowing Transaction) async throws(DatabaseError) {
        try await tx.execute(finish, id)
    }

    private static func plan(_ row: Row) throws(DatabaseError) -> RepairPlan {
        guard let scope = RepairScope(rawValue: try row.text(2)),
            let state = RepairPlan.State(rawValue: try row.text(6)),
            let hash = Digest256(bytes: try row.bytes(12))
        else { throw .unexpectedResult("a row of repair_plans has a value this program does not know") }
        return RepairPlan(
            id: try row.uuid(0),
            checkID: try row.uuid(1),
            scope: scope,
            reason: try row.text(3),
            createdBy: try row.text(4),
            incarnation: try row.text(5),
            state: state,
            stopReason: try row.optionalText(7),
            itemCount: try row.int64(8),
            harmCount: try row.int64(9),
            byteCount: try row.int64(10),
            checkedCount: try row.int64(11),
            hash: hash,
            startedBy: try row.optionalText(13),
            isConfirmed: try row.bool(14),
            createdAt: try row.timestamp(15),
            finishedAt: try row.optionalTimestamp(16)
        )
    }
}
