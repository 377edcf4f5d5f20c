public import PostgresClient

/// The reading side of the outbox: where the relay stands, and the rows of one tick.
/// Every write is fenced by the relay's epoch.
public struct TickStore: Sendable {
    let pool: PostgresPool

    public init(_ pool: PostgresPool) { self.pool = pool }

    private static let incarnation: Statement = """
        SELECT s.system_identifier::text || '/' || c.timeline_id::text
          FROM pg_control_system() s, pg_control_checkpoint() c
        """
    private static let adopt: Statement = """
        UPDATE outbox_tick SET
               epoch = $1,
               snap_from = CASE WHEN incarnation IN ('', $2) THEN snap_from ELSE '1:1:' END,
               snap_to = CASE WHEN incarnation IN ('', $2) THEN snap_to END,
               last_id = CASE WHEN incarnation IN ('', $2) THEN last_id ELSE 0 END,
               incarnation = $2
         WHERE epoch < $1
        RETURNING snap_from::text, snap_to::text, last_id
        """
    /// Rows not visible in the last snapshot were begun after it, or were under way in it: two index scans.
    private static let begin: Statement = """
        UPDATE outbox_tick SET snap_to = pg_current_snapshot(), last_id = fresh.first - 1
          FROM (
              SELECT min(id) AS first FROM (
                  SELECT id, tx FROM outbox WHERE tx >= pg_snapshot_xmax($2::pg_snapshot)
                  UNION ALL
                  SELECT id, tx FROM outbox
                   WHERE tx = ANY (ARRAY(SELECT pg_snapshot_xip($2::pg_snapshot)))
              ) candidate
              WHERE pg_visible_in_snapshot(tx, pg_current_snapshot())
          ) fresh
         WHERE epoch = $1 AND snap_to IS NULL AND fresh.first IS NOT NULL
        RETURNING snap_from::text, snap_to::text, last_id
        """
    private static let page: Statement = """
        SELECT id, event_id, topic, key, version, headers, payload
          FROM outbox
         WHERE id > $3
           AND (tx >= pg_snapshot_xmax($1::pg_snapshot)
                OR tx = ANY (ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot))))
           AND pg_visible_in_snapshot(tx, $2::pg_snapshot)
         ORDER BY id
         LIMIT $4
        """
    private static let advance: Statement = """
        UPDATE outbox_tick SET last_id = greatest(last_id, $2) WHERE epoch = $1 AND snap_to IS NOT NULL
        """
    private static let end: Statement = """
        UPDATE outbox_tick SET snap_from = snap_to, snap_to = NULL, last_id = 0
         WHERE epoch = $1 AND snap_to IS NOT NULL
        RETURNING snap_from::text, snap_to::text, last_id
        """
    private static let isCurrent: Statement = "SELECT 1 FROM outbox_tick WHERE epoch = $1"
    private static let age: Statement = """
        SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::bigint
          FROM outbox, outbox_tick t
         WHERE (tx >= pg_snapshot_xmax(t.snap_from)
                OR tx = ANY (ARRAY(SELECT pg_snapshot_xip(t.snap_from))))
           AND (t.snap_to IS NULL OR id > t.last_id OR NOT pg_visible_in_snapshot(tx, t.snap_to))
        """

    /// Makes `epoch` the only one whose writes count, and says where to go on.
    ///
    /// After a restore or a failover transaction ids mean something else, so everything that is still in
    /// the partitions is read again from the start: duplicates, never a loss.
    public func adopt(epoch: Int64) async throws(TickFailure) -> TickPosition {
        do throws(DatabaseError) {
            guard let now = try await pool.query(Self.incarnation).first?.text(0) else {
                throw DatabaseError.unexpectedResult("the server did not tell its system identifier")
            }
            if let row = try await pool.query(Self.adopt, epoch, now).first { return try position(row) }
        } catch { throw .database(error) }
        throw .fenced
    }

    /// Starts the next tick and persists its end before anything of it is read.
    ///
    /// - Returns: nil when no row has become visible since `from`; nothing was written then.
    public func begin(after from: String, epoch: Int64) async throws(TickFailure) -> TickPosition? {
        do {
            if let row = try await pool.query(Self.begin, epoch, from).first { return try position(row) }
        } catch { throw .database(error) }
        try await requireCurrent(epoch)
        return nil
    }

    /// The next rows of the tick that `position` describes, in the order of ids; empty when there are no more.
    public func page(
        of position: TickPosition,
        after id: Int64,
        limit: Int
    ) async throws(TickFailure) -> [OutboxRow] {
        guard let to = position.to else { return [] }
        do throws(DatabaseError) {
            return try await pool.query(Self.page, position.from, to, id, limit).map(outboxRow)
        } catch { throw .database(error) }
    }

    /// Records that rows of the tick up to `id` are published. Call it after their delivery reports only.
    public func advance(to id: Int64, epoch: Int64) async throws(TickFailure) {
        let count: Int
        do { count = try await pool.execute(Self.advance, epoch, id) } catch { throw .database(error) }
        guard count == 1 else { throw .fenced }
    }

    /// Ends the tick under way: everything visible in its last snapshot is published.
    public func end(epoch: Int64) async throws(TickFailure) -> TickPosition {
        do {
            if let row = try await pool.query(Self.end, epoch).first { return try position(row) }
        } catch { throw .database(error) }
        throw .fenced
    }

    /// How old the oldest unpublished row is, in whole seconds; 0 when there is none.
    public func unpublishedAgeSeconds() async throws(DatabaseError) -> Int64 {
        try await pool.query(Self.age).first?.int64(0) ?? 0
    }

    private func requireCurrent(_ epoch: Int64) async throws(TickFailure) {
        let rows: Rows
        do { rows = try await pool.query(Self.isCurrent, epoch) } catch { throw .database(error) }
        guard rows.count == 1 else { throw .fenced }
    }

    private func position(_ row: Row) throws(DatabaseError) -> TickPosition {
        TickPosition(from: try row.text(0), to: try row.optionalText(1), lastID: try row.int64(2))
    }
}

/// Reads columns `id, event_id, topic, key, version, headers, payload`.
func outboxRow(_ row: Row) throws(DatabaseError) -> OutboxRow {
    let pairs = try row.textArray(5)
    guard pairs.count.isMultiple(of: 2) else {
        throw .unexpectedResult("outbox row has a header without a value")
    }
    let headers = stride(from: 0, to: pairs.count, by: 2).map { (name: pairs[$0], value: pairs[$0 + 1]) }
    do {
        let event = try OutboxEvent(
            id: try row.text(1),
            topic: try row.text(2),
            key: try row.text(3),
            version: try row.int64(4),
            headers: headers,
            payload: try row.bytes(6)
        )
        return OutboxRow(id: try row.int64(0), event: event)
    } catch let failure as DatabaseError {
        throw failure
    } catch { throw .unexpectedResult("outbox row over the payload limit") }
}
