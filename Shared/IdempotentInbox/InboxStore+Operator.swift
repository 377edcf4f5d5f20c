public import Determinism
public import PostgresClient

/// Which parked records an operator means: those that fit everything that is given.
public struct ParkedSelection: Sendable {
    public let consumer: String?
    public let key: [UInt8]?
    public let ids: [Int64]?

    public init(consumer: String? = nil, key: [UInt8]? = nil, ids: [Int64]? = nil) {
        self.consumer = consumer
        self.key = key
        self.ids = ids
    }
}

/// A parked record as it lies in the database.
public struct ParkedEntry: Sendable {
    public let id: Int64
    public let consumer: String
    public let record: InboundRecord
    public let reason: String
    public let parkedAt: Timestamp
    /// Nil when nobody has asked for a replay, or the last one ended here.
    public let replayRequestedAt: Timestamp?
}

/// What operators see of parked records, and do to them.
extension InboxStore {
    private static let parked: Statement = """
        SELECT id, consumer, parked_at, replay_requested_at, topic, partition, record_offset, key, value,
               header_names, header_values, reason
          FROM parked_records
         WHERE ($1::text IS NULL OR consumer = $1) AND ($2::bytea IS NULL OR key = $2)
           AND ($3::bigint[] IS NULL OR id = ANY ($3))
         ORDER BY id LIMIT $4
        """
    /// Here as in replays rows are locked in the order of their ids, so that none waits for another in a circle.
    private static let requestReplay: Statement = """
        UPDATE parked_records SET replay_requested_at = clock_timestamp()
         WHERE id = ANY (ARRAY(
               SELECT id FROM parked_records
                WHERE ($1::text IS NULL OR consumer = $1) AND ($2::bytea IS NULL OR key = $2)
                  AND ($3::bigint[] IS NULL OR id = ANY ($3))
                ORDER BY id FOR UPDATE))
        RETURNING id
        """
    private static let underReplay: Statement = """
        SELECT count(*) FROM parked_records WHERE id = ANY ($1) AND replay_requested_at IS NOT NULL
        """
    private static let discard: Statement = """
        DELETE FROM parked_records
         WHERE id = ANY (ARRAY(
               SELECT id FROM parked_records
                WHERE ($1::text IS NULL OR consumer = $1) AND ($2::bytea IS NULL OR key = $2)
                  AND ($3::bigint[] IS NULL OR id = ANY ($3))
                ORDER BY id FOR UPDATE))
        RETURNING id, consumer, parked_at, replay_requested_at, topic, partition, record_offset, key, value,
                  header_names, header_values, reason
        """

    /// - Returns: the oldest `limit` of them, in the order they were parked.
    public static func parked(
        _ selection: ParkedSelection,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [ParkedEntry] {
        let rows = try await pool.query(parked, selection.consumer, selection.key, selection.ids, limit)
        return try entries(rows)
    }

    /// Asks the consumers to try the records again, and what waits behind them; they do it within seconds.
    ///
    /// - Returns: the ids of the records.
    public static func requestReplay(
        _ selection: ParkedSelection,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [Int64] {
        var ids: [Int64] = []
        for row in try await pool.query(requestReplay, selection.consumer, selection.key, selection.ids) {
            ids.append(try row.int64(0))
        }
        return ids.sorted()
    }

    /// - Returns: how many of the records have not been tried since the replay was asked for.
    public static func underReplay(
        _ ids: [Int64],
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int64 {
        try await pool.query(underReplay, ids).first?.int64(0) ?? 0
    }

    /// Deletes parked records for good. One that is being replayed now is waited for and then not found.
    ///
    /// - Returns: what was deleted, with its bytes: there is no other copy once the topic's retention is over.
    public static func discard(
        _ selection: ParkedSelection,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [ParkedEntry] {
        let rows = try await pool.query(discard, selection.consumer, selection.key, selection.ids)
        return try entries(rows).sorted { $0.id < $1.id }
    }

    private static func entries(_ rows: Rows) throws(DatabaseError) -> [ParkedEntry] {
        var entries: [ParkedEntry] = []
        for row in rows {
            let record = InboundRecord(
                topic: try row.text(4),
                partition: Int32(clamping: try row.int64(5)),
                offset: try row.int64(6),
                key: try row.optionalBytes(7),
                value: try row.optionalBytes(8),
                headers: Array(zip(try row.textArray(9), try row.bytesArray(10)))
            )
            entries.append(
                ParkedEntry(
                    id: try row.int64(0),
                    consumer: try row.text(1),
                    record: record,
                    reason: try row.text(11),
                    parkedAt: try row.timestamp(2),
                    replayRequestedAt: try row.optionalTimestamp(3)
                )
            )
        }
        return entries
    }
}
