public import PostgresClient

/// Which rows a hold has yet to take note of: those visible in `to`, but not in `from`.
public struct HeldRange: Equatable, Sendable {
    public let from: String
    public let to: String
    /// The server that these are snapshots of.
    let incarnation: String
}

/// Where a walk through a range has come to.
public struct HeldPosition: Equatable, Sendable {
    let transaction: String
    let id: Int64

    /// Before the first row.
    public static let start = HeldPosition(transaction: "0", id: 0)
}

/// What is told of a published row: not what it says.
public struct PublishedRow: Equatable, Sendable {
    public let topic: String
    public let key: String
    public let version: Int64
    public let position: HeldPosition
}

/// One who takes note of published rows, and keeps their partitions until it has.
///
/// What it notes must bear being noted twice: after a crash, or when two processes do it at once, rows come again. None is left out: a hold
/// only moves from one snapshot to a later one, and only after everything between the two was noted.
public struct HoldStore: Sendable {
    public let name: String
    let pool: PostgresPool

    public init(_ name: String, on pool: PostgresPool) {
        self.name = name
        self.pool = pool
    }

    private static let register: Statement =
        "INSERT INTO outbox_holds (name) VALUES ($1) ON CONFLICT (name) DO NOTHING"
    private static let release: Statement = "DELETE FROM outbox_holds WHERE name = $1"
    private static let position: Statement = """
        SELECT h.snap::text, t.snap_from::text, h.incarnation, t.incarnation,
               pg_snapshot_xmax(t.snap_from) < pg_snapshot_xmax(h.snap),
               current_setting('waybill.incarnation', true)
          FROM outbox_holds h, outbox_tick t WHERE h.name = $1
        """
    private static let restart: Statement = """
        UPDATE outbox_holds SET snap = '1:1:', incarnation = $2 WHERE name = $1 AND incarnation <> $2
        """
    /// Rows that were parked are passed over, but not published.
    private static let rows: Statement = """
        SELECT topic, key, version, tx, id FROM (
            SELECT late.* FROM unnest(ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot))) AS under_way (tx),
                   LATERAL (SELECT topic, key, version, tx, id FROM outbox
                             WHERE (outbox.tx, id) > ($3::xid8, $4::bigint)
                               AND outbox.tx >= under_way.tx AND outbox.tx <= under_way.tx
                             ORDER BY outbox.tx, id LIMIT $5) late
             WHERE pg_visible_in_snapshot(under_way.tx, $2::pg_snapshot)
            UNION ALL
            (SELECT topic, key, version, tx, id FROM outbox
              WHERE (tx, id) > ($3::xid8, $4::bigint)
                AND tx >= pg_snapshot_xmax($1::pg_snapshot) AND tx < pg_snapshot_xmax($2::pg_snapshot)
                AND pg_visible_in_snapshot(tx, $2::pg_snapshot)
              ORDER BY tx, id LIMIT $5)
        ) page WHERE $6 = current_setting('waybill.incarnation', true) ORDER BY tx, id LIMIT $5
        """
    private static let parkedAmong: Statement = "SELECT id FROM outbox_parked WHERE id = ANY ($1)"
    private static let advance: Statement = """
        UPDATE outbox_holds SET snap = $3::pg_snapshot
         WHERE name = $1 AND snap::text = $2
           AND incarnation = $4 AND $4 = current_setting('waybill.incarnation', true)
        """
    /// One snapshot for both: what the statement sees is what `pg_current_snapshot()` says.
    private static let settle: Statement = """
        UPDATE outbox_holds h SET snap = pg_current_snapshot()
          FROM outbox_tick t
         WHERE h.name = $1 AND h.incarnation = t.incarnation
           AND h.incarnation = current_setting('waybill.incarnation', true)
           AND NOT EXISTS (SELECT 1 FROM outbox WHERE tx >= pg_snapshot_xmax(h.snap))
           AND NOT EXISTS (
               SELECT 1 FROM unnest(ARRAY(SELECT pg_snapshot_xip(h.snap))) AS under_way (tx),
                      LATERAL (SELECT 1 FROM outbox
                                WHERE outbox.tx >= under_way.tx AND outbox.tx <= under_way.tx LIMIT 1) late)
        """

    /// From now on rows stay until this hold has moved past them. May be called again.
    public func register() async throws(DatabaseError) { _ = try await pool.execute(Self.register, name) }

    /// Ends the hold; what it has not noted may be truncated from now on.
    ///
    /// - Returns: false when there was none of that name.
    public func release() async throws(DatabaseError) -> Bool {
        try await pool.execute(Self.release, name) == 1
    }

    /// Whether the hold's and the relay's snapshots are of this server: what they say means something. After a restore or a
    /// failover it does again when a relay has led, and the hold has started over.
    public func isOfThisServer() async throws(DatabaseError) -> Bool {
        guard let row = try await pool.looked([BoundStatement(Self.position, name)]).first else {
            return false
        }
        let (hold, relay, server) = (try row.text(2), try row.text(3), try row.text(5))
        return hold == server && relay == server
    }

    /// What has been published since the hold was last moved.
    ///
    /// - Returns: nil when nothing can be told now: the hold is not registered, no relay has led since the database was
    ///   restored or failed over, or the relay has not come again to where it was before a crash.
    public func published() async throws(DatabaseError) -> HeldRange? {
        guard let row = try await pool.looked([BoundStatement(Self.position, name)]).first else { return nil }
        let server = try row.text(5)
        guard try row.text(3) == server else { return nil }
        guard try row.text(2) == server else {
            // Transaction ids mean something else now: everything that is left is noted again.
            _ = try await pool.execute(Self.restart, name, server)
            return HeldRange(from: "1:1:", to: try row.text(1), incarnation: server)
        }
        guard try !row.bool(4) else { return nil }
        return HeldRange(from: try row.text(0), to: try row.text(1), incarnation: server)
    }

    /// Rows of `range` in an order of their own, for as long as there are any.
    ///
    /// - Returns: the rows that were published, and where to go on; nil at the end, or when the server is another one: the hold
    ///   cannot be moved then.
    public func rows(
        of range: HeldRange,
        after position: HeldPosition,
        limit: Int = 2_000
    ) async throws(DatabaseError) -> (rows: [PublishedRow], end: HeldPosition)? {
        let statement = BoundStatement(
            Self.rows,
            range.from,
            range.to,
            position.transaction,
            position.id,
            limit,
            range.incarnation
        )
        let page = try await pool.looked([BoundStatement(TickStore.walkIndexes), statement])
        var rows: [PublishedRow] = []
        for row in page { rows.append(try published(row)) }
        guard let end = rows.last?.position else { return nil }
        var parked: Set<Int64> = []
        for row in try await pool.query(Self.parkedAmong, rows.map(\.position.id)) {
            parked.insert(try row.int64(0))
        }
        return (rows.filter { !parked.contains($0.position.id) }, end)
    }

    private func published(_ row: Row) throws(DatabaseError) -> PublishedRow {
        PublishedRow(
            topic: try row.text(0),
            key: try row.text(1),
            version: try row.int64(2),
            position: HeldPosition(transaction: try row.text(3), id: try row.int64(4))
        )
    }

    /// Moves the hold to the end of `range`, all of which has been noted.
    ///
    /// - Returns: false when somebody else moved it meanwhile, or the server is another one; nothing is changed then.
    public func advance(over range: HeldRange) async throws(DatabaseError) -> Bool {
        let moved = try await pool.looked([
            BoundStatement(Self.advance, name, range.from, range.to, range.incarnation)
        ])
        return moved.affectedRowCount == 1
    }

    /// Moves the hold to this moment when no row is left that it has not noted, so that it does not stay behind an outbox to
    /// which nothing is appended.
    ///
    /// - Returns: false when there are such rows, or somebody else moved the hold meanwhile; nothing is changed then.
    @discardableResult
    public func settle() async throws(DatabaseError) -> Bool {
        let answer = try await pool.looked([
            BoundStatement(TickStore.walkIndexes), BoundStatement(Self.settle, name),
        ])
        return answer.affectedRowCount == 1
    }
}
