public import PostgresClient

/// Turns partitions, so that a published row costs neither a delete nor a vacuum.
///
/// A partition is truncated only while its lock is held and a fresh look shows that every row in it is
/// visible in the snapshot the last finished tick ended with, and in that of every hold; a writer that picked the slot earlier and
/// inserts later finds an empty partition, and the reader finds its row.
extension TickStore {
    private static let writer: Statement = """
        SELECT w.slot,
               (SELECT last_value FROM outbox_id_seq) - w.rotated_id,
               extract(epoch FROM clock_timestamp() - w.rotated_at)::bigint
          FROM outbox_writer w
        """
    private static let turn: Statement = """
        UPDATE outbox_writer
           SET slot = $2, rotated_at = clock_timestamp(),
               rotated_id = (SELECT last_value FROM outbox_id_seq)
         WHERE slot = $1
           AND EXISTS (SELECT 1 FROM outbox_tick
                        WHERE epoch = $3 AND incarnation = current_setting('waybill.incarnation', true))
        """
    private static let waitBriefly: Statement = "SET LOCAL lock_timeout = '50ms'"
    private static let locks: [Statement] = [
        "LOCK TABLE ONLY outbox_0 IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE ONLY outbox_1 IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE ONLY outbox_2 IN ACCESS EXCLUSIVE MODE",
    ]
    private static let truncations: [Statement] = [
        "TRUNCATE ONLY outbox_0", "TRUNCATE ONLY outbox_1", "TRUNCATE ONLY outbox_2",
    ]
    /// Two steps down the index by transaction: a partition is not searched while it is locked.
    private static let unpublished: Statement = """
        SELECT 1
          FROM (SELECT tx FROM outbox WHERE slot = $1 ORDER BY tx DESC LIMIT 1) newest, outbox_tick t
         WHERE newest.tx >= pg_snapshot_xmax(t.snap_from)
        UNION ALL
        SELECT 1
          FROM outbox_tick t, unnest(ARRAY(SELECT pg_snapshot_xip(t.snap_from))) AS under_way (tx),
               LATERAL (SELECT 1 FROM outbox WHERE slot = $1 AND outbox.tx = under_way.tx LIMIT 1) late
        """

    private static let hasHolds: Statement = "SELECT to_regclass('outbox_holds') IS NOT NULL"
    /// The same for every hold; one whose snapshot is of another server than the relay's keeps everything.
    private static let held: Statement = """
        SELECT 1
          FROM (SELECT tx FROM outbox WHERE slot = $1 ORDER BY tx DESC LIMIT 1) newest,
               outbox_holds h, outbox_tick t
         WHERE h.incarnation <> t.incarnation OR newest.tx >= pg_snapshot_xmax(h.snap)
        UNION ALL
        SELECT 1
          FROM outbox_holds h, unnest(ARRAY(SELECT pg_snapshot_xip(h.snap))) AS under_way (tx),
               LATERAL (SELECT 1 FROM outbox WHERE slot = $1 AND outbox.tx = under_way.tx LIMIT 1) late
        """

    /// When it is time to turn: rows drawn since the last turn, or seconds since then.
    public struct RotationLimits: Sendable {
        public let rowCount: Int64
        public let ageSeconds: Int64

        public init(rowCount: Int64 = 1_000_000, ageSeconds: Int64 = 3_600) {
            self.rowCount = rowCount
            self.ageSeconds = ageSeconds
        }
    }

    /// Empties the partition that is next in turn, and lets writers use it, when the limits say so.
    ///
    /// - Returns: the slot that writers use from now on, or nil when it was not time or the next partition
    ///   still holds unpublished rows; then nothing changed.
    public func rotate(epoch: Int64, limits: RotationLimits) async throws(TickFailure) -> Int? {
        let slot: Int
        do {
            guard let row = try await pool.query(Self.writer).first else { return nil }
            let (rows, age) = (try row.int64(1), try row.int64(2))
            guard rows >= limits.rowCount || (rows > 0 && age >= limits.ageSeconds) else { return nil }
            slot = try row.int(0)
        } catch { throw .database(error) }
        let next = (slot + 1) % OutboxSchema.partitionCount
        guard Self.locks.indices.contains(next), try await truncate(next, epoch: epoch) else { return nil }
        do {
            let turned = try await pool.looked([BoundStatement(Self.turn, slot, next, epoch)])
            return turned.affectedRowCount == 1 ? next : nil
        } catch { throw .database(error) }
    }

    /// A database of before the holds has no table of them.
    private func isHeld(_ slot: Int, in tx: borrowing Transaction) async throws(DatabaseError) -> Bool {
        guard try await tx.query(Self.hasHolds).first?.bool(0) == true else { return false }
        return try await !tx.query(Self.held, slot).isEmpty
    }

    /// For how many seconds the turn of the partitions has been due without happening; 0 when it is not due. It grows when
    /// rows are not published, when a hold is not moved on, and when no relay leads.
    public func rotationOverdueSeconds(limits: RotationLimits) async throws(DatabaseError) -> Int64 {
        guard let row = try await pool.query(Self.writer).first else { return 0 }
        let (rows, age) = (try row.int64(1), try row.int64(2))
        guard rows > 0 else { return 0 }
        // Since when there are so many rows nobody wrote down; twice as many is late in any case.
        let isCrowded = rows / 2 >= limits.rowCount
        return isCrowded ? age : max(0, age.subtractingReportingOverflow(limits.ageSeconds).partialValue)
    }

    /// - Returns: false when the partition holds an unpublished row, one that a hold keeps, or its lock was not to be had at once.
    private func truncate(_ slot: Int, epoch: Int64) async throws(TickFailure) -> Bool {
        do {
            // Which of two leaders of one epoch turns a partition is all the same: the database is asked what may go.
            return try await fenced(epoch, in: nil) { tx throws(DatabaseError) in
                try await tx.execute(Self.waitBriefly)
                try await tx.execute(Self.locks[slot])
                guard try await tx.query(Self.unpublished, slot).isEmpty else { return false }
                guard try await !isHeld(slot, in: tx) else { return false }
                try await tx.execute(Self.truncations[slot])
                return true
            }
        } catch .database(.refused(sqlState: "55P03", _, _)) { return false }
    }
}
