public import PostgresClient

/// The reading side of the outbox: where the relay stands. Every write is fenced by the relay's epoch and by the server it was
/// adopted in, every page by the latter.
///
/// What moves the position commits without waiting for the disk: commits reach the disk in order, so a crash of
/// the server takes the relay back to an earlier position, where it repeats what it has published since.
public struct TickStore: Sendable {
    let pool: PostgresPool
    let largeRows = LargeRows()

    public init(_ pool: PostgresPool) { self.pool = pool }

    private static let adopt: Statement = """
        UPDATE outbox_tick t SET
               epoch = $1,
               snap_from = CASE WHEN is_known THEN snap_from ELSE '1:1:' END,
               snap_to = CASE WHEN is_known THEN snap_to END,
               last_id = CASE WHEN is_known THEN last_id ELSE 0 END,
               new_id = CASE WHEN is_known THEN new_id ELSE 0 END,
               from_xid = CASE WHEN is_known THEN from_xid ELSE '0' END,
               from_id = CASE WHEN is_known THEN from_id ELSE 0 END,
               to_xid = CASE WHEN is_known THEN to_xid ELSE '0' END,
               to_id = CASE WHEN is_known THEN to_id ELSE 0 END,
               incarnation = $2
          FROM (SELECT incarnation = $2 AS is_known FROM outbox_tick) old
         WHERE epoch <= $1
        RETURNING snap_from::text, snap_to::text, last_id, new_id, is_known
        """
    /// Rows restored into a server that has not come to their transactions yet would stay invisible for ever.
    private static let reclaim: Statement = """
        UPDATE outbox SET tx = pg_current_xact_id() WHERE tx >= pg_snapshot_xmax(pg_current_snapshot())
        """
    private static let withoutWaitingForDisk: Statement =
        "SELECT set_config('synchronous_commit', 'off', true)"
    /// Before the transaction that begins the tick gets its number: all later ones draw higher ids. By the function, which
    /// reads under the lock of the sequence; a SELECT of `last_value` may see what `nextval` writes for the log, 32 too high.
    static let noteDrawnID: Statement = """
        SELECT set_config('waybill.drawn_id', coalesce(pg_sequence_last_value('outbox_id_seq'), 0)::text, true)
        """
    /// Whether there is anything is the first row's matter. Only those transactions that a snapshot's end does not tell from
    /// later ones, because they had begun and not ended, are asked for their first id (all of the tick's, as long as nothing is
    /// known of them): `id + 0`, or the planner looks for the minimum along the index of ids, from the first row that is left.
    ///
    /// `snap_from` is compared although the epoch is: a statement of ours whose connection broke may still be at work, and
    /// everything here is true of one tick alone.
    static let begin: Statement = """
        UPDATE outbox_tick SET
               snap_to = pg_current_snapshot(),
               to_xid = pg_current_xact_id(),
               to_id = current_setting('waybill.drawn_id')::bigint,
               last_id = least(CASE WHEN fresh.is_any THEN nullif(from_id, 0) END, fresh.begun_id, fresh.late_id) - 1,
               new_id = CASE WHEN fresh.is_any THEN least(nullif(from_id, 0), fresh.begun_id)
                             ELSE 9223372036854775807 END
          FROM (
              SELECT (SELECT true FROM outbox
                       WHERE tx >= pg_snapshot_xmax($2::pg_snapshot)
                         AND tx < pg_snapshot_xmax(pg_current_snapshot())
                         AND pg_visible_in_snapshot(tx, pg_current_snapshot())
                       ORDER BY tx, id LIMIT 1) AS is_any,
                     (SELECT min(id + 0) FROM outbox
                       WHERE tx >= pg_snapshot_xmax($2::pg_snapshot)
                         AND tx < (SELECT CASE WHEN from_id > 0 THEN from_xid
                                               ELSE pg_snapshot_xmax(pg_current_snapshot()) END FROM outbox_tick)
                         AND pg_visible_in_snapshot(tx, pg_current_snapshot())) AS begun_id,
                     (SELECT min(late.id)
                        FROM unnest(ARRAY(SELECT pg_snapshot_xip($2::pg_snapshot))) AS under_way (tx),
                             LATERAL (SELECT id FROM outbox
                                       WHERE outbox.tx >= under_way.tx AND outbox.tx <= under_way.tx
                                       ORDER BY outbox.tx, id LIMIT 1) late
                       WHERE pg_visible_in_snapshot(under_way.tx, pg_current_snapshot())) AS late_id
          ) fresh
         WHERE epoch = $1 AND incarnation = $3 AND $3 = current_setting('waybill.incarnation', true)
           AND snap_from::text = $2::pg_snapshot::text AND snap_to IS NULL AND (fresh.is_any OR fresh.late_id IS NOT NULL)
        RETURNING snap_from::text, snap_to::text, last_id, outbox_tick.new_id
        """
    private static let advance: Statement = """
        UPDATE outbox_tick SET last_id = greatest(last_id, $3)
         WHERE epoch = $1 AND incarnation = $4 AND $4 = current_setting('waybill.incarnation', true)
           AND snap_to::text = $2
        """
    private static let end: Statement = """
        UPDATE outbox_tick SET snap_from = snap_to, from_xid = to_xid, from_id = to_id,
               snap_to = NULL, last_id = 0, new_id = 0
         WHERE epoch = $1 AND incarnation = $3 AND $3 = current_setting('waybill.incarnation', true)
           AND snap_to::text = $2
        RETURNING snap_from::text, snap_to::text, last_id, new_id
        """
    private static let isBetween: Statement = """
        SELECT 1 FROM outbox_tick
         WHERE epoch = $1 AND incarnation = $3 AND $3 = current_setting('waybill.incarnation', true)
           AND snap_from::text = $2 AND snap_to IS NULL
        """

    /// Makes `epoch` the only one whose writes count, and says where to go on. May be called again with the
    /// same epoch.
    ///
    /// After a restore or a failover transaction ids mean something else, so everything that is still in
    /// the partitions is read again from the start: duplicates, never a loss.
    public func adopt(epoch: Int64) async throws(TickFailure) -> TickPosition {
        do {
            return try await pool.withTransaction {
                (tx: borrowing Transaction) async throws(TickFailure) -> TickPosition in
                do throws(DatabaseError) {
                    if let position = try await adopt(epoch: epoch, in: tx) { return position }
                } catch { throw .database(error) }
                throw .fenced
            }
        } catch { throw TickFailure(error) }
    }

    private func adopt(
        epoch: Int64,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> TickPosition? {
        let now = try await ServerIncarnation.find(in: tx)
        guard let row = try await tx.query(Self.adopt, epoch, now).first else { return nil }
        if try !row.bool(4) { try await tx.execute(Self.reclaim) }
        return try position(row, TickLeader(epoch: epoch, incarnation: now))
    }

    /// Starts the next tick and persists its end before anything of it is read.
    ///
    /// - Returns: nil when no row has become visible since the end of `position`; nothing was written then.
    public func begin(after position: TickPosition) async throws(TickFailure) -> TickPosition? {
        let leader = position.leader
        do throws(DatabaseError) {
            if let row = try await move(
                BoundStatement(Self.walkIndexes),
                BoundStatement(Self.noteDrawnID),
                BoundStatement(Self.begin, leader.epoch, position.from, leader.incarnation)
            ).first {
                return try self.position(row, leader)
            }
        } catch { throw .database(error) }
        try await requireBetween(position)
        return nil
    }

    /// Records that rows of the tick that `position` describes are published up to `id`. Call it after their
    /// delivery reports only.
    public func advance(_ position: TickPosition, to id: Int64) async throws(TickFailure) {
        let leader = position.leader
        let count: Int
        do {
            count = try await move(
                BoundStatement(Self.advance, leader.epoch, position.to, id, leader.incarnation)
            ).affectedRowCount
        } catch { throw .database(error) }
        guard count == 1 else { throw .fenced }
    }

    /// Ends the tick that `position` describes: everything visible in its last snapshot is published.
    public func end(_ position: TickPosition) async throws(TickFailure) -> TickPosition {
        let leader = position.leader
        do throws(DatabaseError) {
            if let row = try await move(
                BoundStatement(Self.end, leader.epoch, position.to, leader.incarnation)
            ).first {
                return try self.position(row, leader)
            }
        } catch { throw .database(error) }
        throw .fenced
    }

    private func move(_ statements: BoundStatement...) async throws(DatabaseError) -> Rows {
        try await pool.looked([BoundStatement(Self.withoutWaitingForDisk)] + statements)
    }

    /// No tick is under way behind the end of `position`: neither another leader's, nor one that a lost connection of ours began.
    private func requireBetween(_ position: TickPosition) async throws(TickFailure) {
        let leader = position.leader
        let rows: Rows
        do {
            rows = try await pool.looked([
                BoundStatement(Self.isBetween, leader.epoch, position.from, leader.incarnation)
            ])
        } catch { throw .database(error) }
        guard rows.count == 1 else { throw .fenced }
    }

    private func position(_ row: Row, _ leader: TickLeader) throws(DatabaseError) -> TickPosition {
        TickPosition(
            leader: leader,
            from: try row.text(0),
            to: try row.optionalText(1),
            lastID: try row.int64(2),
            newID: try row.int64(3)
        )
    }
}

extension PostgresPool {
    /// One round trip and one transaction, in which the server's incarnation can be compared.
    ///
    /// - Returns: the rows of the last statement.
    func looked(_ statements: [BoundStatement]) async throws(DatabaseError) -> Rows {
        guard let rows = try await pipeline([BoundStatement(ServerIncarnation.look)] + statements).last else {
            throw .unexpectedResult("the server sent no result")
        }
        return rows
    }
}
