public import PostgresClient

/// How far behind a hold is.
public struct HoldStatus: Equatable, Sendable {
    public let name: String
    /// Age of the oldest row that the hold keeps, published or not; 0 when there is none.
    public let ageSeconds: Int64
}

extension TickStore {
    private static let hasHoldTable: Statement = "SELECT to_regclass('outbox_holds') IS NOT NULL"
    private static let holdAges: Statement = """
        SELECT h.name, coalesce(extract(epoch FROM clock_timestamp() - min(first.created_at)), 0)::bigint
          FROM (SELECT name, CASE WHEN incarnation = (SELECT incarnation FROM outbox_tick)
                                  THEN snap ELSE '1:1:'::pg_snapshot END AS snap FROM outbox_holds) h
          LEFT JOIN LATERAL (
              (SELECT created_at FROM outbox WHERE tx >= pg_snapshot_xmax(h.snap) ORDER BY tx, id LIMIT 1)
              UNION ALL
              SELECT late.created_at
                FROM unnest(ARRAY(SELECT pg_snapshot_xip(h.snap))) AS under_way (tx),
                     LATERAL (SELECT created_at FROM outbox
                               WHERE outbox.tx >= under_way.tx AND outbox.tx <= under_way.tx
                               ORDER BY outbox.tx, id LIMIT 1) late
          ) first ON true
         GROUP BY h.name ORDER BY h.name
        """

    /// Every hold on this outbox. A hold that is never moved on keeps the partitions from turning, so somebody must be
    /// told when its age grows.
    public func holds() async throws(DatabaseError) -> [HoldStatus] {
        guard try await pool.query(Self.hasHoldTable).first?.bool(0) == true else { return [] }
        guard
            let rows = try await pool.pipeline([
                BoundStatement(Self.walkIndexes), BoundStatement(Self.holdAges),
            ]).last
        else { throw .unexpectedResult("the server sent no result") }
        var holds: [HoldStatus] = []
        for row in rows { holds.append(HoldStatus(name: try row.text(0), ageSeconds: try row.int64(1))) }
        return holds
    }
}
