public import PostgresClient
internal import Synchronization

/// How much is read at once.
public struct PageLimits: Sendable {
    public let rowCount: Int
    /// Of payloads and headers together; a single row may be larger.
    public let byteCount: Int

    /// At least 1 of each: an empty page is the end of a tick.
    public init(rowCount: Int = 2_000, byteCount: Int = 8 << 20) {
        self.rowCount = max(1, rowCount)
        self.byteCount = max(1, byteCount)
    }

    /// What a row may have for a page of such rows to stay within `byteCount`.
    var share: Int { byteCount / rowCount }

    /// How many rows of these sizes make a page: as many as come to `byteCount`, at least one.
    func count(of sizes: [Int]) -> Int {
        var bytes = 0
        return sizes.prefix { size in
            defer { bytes += size }
            return bytes < byteCount
        }.count
    }

    /// Whether there may be more behind a page of `rows`. A page that is smaller than both limits is all that was left.
    public func areReached(by rows: [OutboxRow]) -> Bool {
        rows.count >= rowCount || rows.reduce(0) { $0 + $1.byteCount } >= byteCount
    }
}

/// Reading rows. Every query walks an index in its order and stops at its limit, so that a page costs the same
/// in a tick of ten rows and of a million. Where a transaction's rows are meant, the order is (transaction, id),
/// which only the index over both has: with an equality the planner may walk the index of ids instead.
extension TickStore {
    /// The planner knows little of a table that is appended to and truncated, and would rather sort a whole tick for
    /// every page.
    static let walkIndexes: Statement =
        "SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true)"
    /// A row of more than $6 bytes comes without its content. Its size tells how many rows make a page: adding the sizes up here, by a
    /// window, costs more than everything else of a page.
    static let page: Statement = """
        SELECT id, topic, key, version,
               CASE WHEN size <= $6::bigint THEN headers END, CASE WHEN size <= $6::bigint THEN payload END, size
          FROM (
              SELECT *, octet_length(payload) + pg_column_size(headers) AS size
                FROM (
                    (SELECT id, topic, key, version, headers, payload FROM outbox
                      WHERE id > greatest($3, $4::bigint - 1)
                        AND tx >= pg_snapshot_xmax($1::pg_snapshot)
                        AND pg_visible_in_snapshot(tx, $2::pg_snapshot)
                      ORDER BY id LIMIT $5)
                    UNION ALL
                    SELECT late.*
                      FROM unnest(ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot))) AS under_way (tx),
                           LATERAL (SELECT id, topic, key, version, headers, payload FROM outbox
                                     WHERE (outbox.tx, id) > (under_way.tx, $3) AND outbox.tx <= under_way.tx
                                     ORDER BY outbox.tx, id LIMIT $5) late
                     WHERE pg_visible_in_snapshot(under_way.tx, $2::pg_snapshot)
                    ORDER BY id LIMIT $5
                ) tick
          ) measured
         WHERE $7 = current_setting('waybill.incarnation', true) ORDER BY id
        """
    /// The window holds what is sent and nothing else, and its frame ends before the row: no search for equals (half as dear).
    private static let retained: Statement = """
        SELECT id, topic, key, version, headers, payload FROM (
            SELECT *, sum(octet_length(payload) + pg_column_size(headers))
                          OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
              FROM (
                  SELECT id, topic, key, version, headers, payload
                    FROM outbox, outbox_tick t
                   WHERE id > $1
                     AND ($2::text IS NULL OR key = $2)
                     AND ($3::timestamptz IS NULL OR created_at >= $3)
                     AND pg_visible_in_snapshot(tx, t.snap_from)
                     AND t.incarnation = current_setting('waybill.incarnation', true)
                   ORDER BY id LIMIT $4
              ) page
        ) measured WHERE coalesce(bytes_before, 0) < $5 ORDER BY id
        """
    /// The first of what is left of the tick under way, and the first of what comes after it.
    private static let age: Statement = """
        SELECT coalesce(extract(epoch FROM clock_timestamp() - min(first.created_at)), 0)::bigint
          FROM (SELECT *, coalesce(snap_to, snap_from) AS snap_end FROM outbox_tick) t, LATERAL (
              (SELECT created_at FROM outbox
                WHERE t.snap_to IS NOT NULL AND id > greatest(t.last_id, t.new_id - 1)
                  AND tx >= pg_snapshot_xmax(t.snap_from) AND pg_visible_in_snapshot(tx, t.snap_to)
                ORDER BY id LIMIT 1)
              UNION ALL
              SELECT late.created_at
                FROM unnest(ARRAY(SELECT pg_snapshot_xip(t.snap_from))) AS under_way (tx),
                     LATERAL (SELECT created_at FROM outbox
                               WHERE (outbox.tx, id) > (under_way.tx, t.last_id) AND outbox.tx <= under_way.tx
                               ORDER BY outbox.tx, id LIMIT 1) late
               WHERE t.snap_to IS NOT NULL AND pg_visible_in_snapshot(under_way.tx, t.snap_to)
              UNION ALL
              (SELECT created_at FROM outbox WHERE tx >= pg_snapshot_xmax(t.snap_end) ORDER BY tx, id LIMIT 1)
              UNION ALL
              SELECT later.created_at
                FROM unnest(ARRAY(SELECT pg_snapshot_xip(t.snap_end))) AS under_way (tx),
                     LATERAL (SELECT created_at FROM outbox
                               WHERE outbox.tx >= under_way.tx AND outbox.tx <= under_way.tx
                               ORDER BY outbox.tx, id LIMIT 1) later
          ) first
        """

    /// The next rows of the tick that `position` describes, in the order of ids; empty when there are no more, or when the
    /// server is another one: to end the tick is refused then.
    public func page(
        of position: TickPosition,
        after id: Int64,
        limits: PageLimits = PageLimits()
    ) async throws(TickFailure) -> [OutboxRow] {
        guard let to = position.to else { return [] }
        func read(_ count: Int, ofUpTo byteCount: Int) async throws(DatabaseError) -> Rows {
            try await walk(
                BoundStatement(
                    Self.page,
                    position.from,
                    to,
                    id,
                    position.newID,
                    count,
                    byteCount,
                    position.leader.incarnation
                )
            )
        }
        do throws(DatabaseError) {
            let rows = try await read(limits.rowCount, ofUpTo: largeRows.wereRead ? 0 : limits.share)
            guard try isAnyWithoutContent(rows) else { return try rows.map(outboxRow) }
            let sizes = try rows.map { row throws(DatabaseError) in try row.int(6) }
            largeRows.wereRead = sizes.contains { $0 > limits.share }
            return try await read(limits.count(of: sizes), ofUpTo: .max).map(outboxRow)
        } catch { throw .database(error) }
    }

    private func isAnyWithoutContent(_ rows: Rows) throws(DatabaseError) -> Bool {
        for row in rows where try row.isNull(5) { return true }
        return false
    }

    /// Published rows that have not been truncated yet, in the order of ids. None when the server is another one: to finish the
    /// request is refused then.
    public func retainedRows(
        for request: OutboxRequest,
        after id: Int64,
        limits: PageLimits = PageLimits()
    ) async throws(DatabaseError) -> [OutboxRow] {
        try await walk(
            BoundStatement(
                Self.retained,
                id,
                request.key,
                request.since,
                limits.rowCount,
                limits.byteCount
            )
        ).map(outboxRow)
    }

    /// How old the oldest unpublished row is, in whole seconds; 0 when there is none.
    public func unpublishedAgeSeconds() async throws(DatabaseError) -> Int64 {
        try await walk(BoundStatement(Self.age)).first?.int64(0) ?? 0
    }

    private func walk(_ statement: BoundStatement) async throws(DatabaseError) -> Rows {
        try await pool.looked([BoundStatement(Self.walkIndexes), statement])
    }
}

/// Reads columns `id, topic, key, version, headers, payload`.
func outboxRow(_ row: Row) throws(DatabaseError) -> OutboxRow {
    let headers = try row.packedTexts(4)
    guard headers.ends.count.isMultiple(of: 2) else {
        throw .unexpectedResult("outbox row has a header without a value")
    }
    return OutboxRow(
        id: try row.int64(0),
        topic: try row.text(1),
        key: try row.text(2),
        version: try row.int64(3),
        headers: headers,
        payload: try row.bytes(5)
    )
}

/// Whether the page read last had a row larger than its share: then the next may have one too. A hint, for whoever shares it.
final class LargeRows: Sendable {
    private let flag = Atomic(false)

    var wereRead: Bool {
        get { flag.load(ordering: .relaxed) }
        set { flag.store(newValue, ordering: .relaxed) }
    }
}
