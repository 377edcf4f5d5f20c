public import PostgresClient

/// Rows that were parked when a hold went past them, and published afterwards: the hold takes note of them here.
extension HoldStore {
    private static let unparked: Statement = """
        SELECT topic, key, version, id FROM outbox_unparked WHERE hold = $1 ORDER BY key, id LIMIT $2
        """
    private static let noted: Statement = """
        DELETE FROM outbox_unparked n USING unnest($2::text[], $3::bigint[]) AS row (key, id)
         WHERE n.hold = $1 AND n.key = row.key AND n.id = row.id
        """

    /// Some of those that are not noted yet; none when all are.
    public func unparked(limit: Int = 2_000) async throws(DatabaseError) -> [PublishedRow] {
        try await pool.query(Self.unparked, name, limit).map { row throws(DatabaseError) in
            PublishedRow(
                topic: try row.text(0),
                key: try row.text(1),
                version: try row.int64(2),
                position: HeldPosition(transaction: "0", id: try row.int64(3))
            )
        }
    }

    /// They are noted, and not told of again.
    public func forget(unparked rows: [PublishedRow]) async throws(DatabaseError) {
        _ = try await pool.execute(Self.noted, name, rows.map(\.key), rows.map(\.position.id))
    }
}
