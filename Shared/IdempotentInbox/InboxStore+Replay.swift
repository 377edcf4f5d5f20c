import PostgresClient

/// Where a parked record lies.
public struct ParkedPlace: Equatable, Sendable {
    let id: Int64
    let topic: String
    let partition: Int32
}

/// What a replay does to `parked_records`.
extension InboxStore {
    /// The oldest record of the key that was asked for first; a record without a key stands alone.
    private static let nextReplay: Statement = """
        WITH asked AS (
            SELECT id, key FROM parked_records
             WHERE consumer = $1 AND replay_requested_at IS NOT NULL ORDER BY id LIMIT 1)
        SELECT oldest.id, oldest.topic, oldest.partition
          FROM asked, parked_records oldest
         WHERE oldest.consumer = $1 AND (oldest.id = asked.id OR oldest.key = asked.key)
         ORDER BY oldest.id LIMIT 1
        """
    private static let holdPartition: Statement = """
        SELECT 1 FROM consumer_offsets WHERE consumer = $1 AND topic = $2 AND partition = $3 FOR UPDATE
        """
    private static let takeParked: Statement = """
        SELECT topic, partition, record_offset, key, value, header_names, header_values
          FROM parked_records WHERE id = $1 FOR UPDATE
        """
    /// What was parked under the key after the replay had been asked for goes with it.
    private static let unpark: Statement = """
        WITH gone AS (DELETE FROM parked_records WHERE id = $1 RETURNING consumer, key)
        UPDATE parked_records SET replay_requested_at = clock_timestamp()
         WHERE id = ANY (ARRAY(
               SELECT later.id FROM gone, parked_records later
                WHERE later.consumer = gone.consumer AND later.key = gone.key AND later.id <> $1
                  AND later.replay_requested_at IS NULL
                ORDER BY later.id FOR UPDATE OF later))
        """
    private static let endReplay: Statement = """
        UPDATE parked_records
           SET replay_requested_at = NULL, reason = CASE WHEN id = $1 THEN $2 ELSE reason END
         WHERE id = ANY (ARRAY(
               SELECT waiting.id FROM parked_records failed, parked_records waiting
                WHERE failed.id = $1 AND waiting.consumer = failed.consumer
                  AND (waiting.id = failed.id OR waiting.key = failed.key)
                ORDER BY waiting.id FOR UPDATE OF waiting))
        """

    /// - Returns: nil when nobody has asked for a replay.
    static func nextReplay(
        consumer: String,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> ParkedPlace? {
        guard let row = try await pool.query(nextReplay, consumer).first else { return nil }
        return ParkedPlace(
            id: try row.int64(0),
            topic: try row.text(1),
            partition: Int32(clamping: try row.int64(2))
        )
    }

    /// Keeps everybody else from applying or parking records of the partition until `tx` ends: they begin with its row.
    ///
    /// - Returns: nil when the record is not parked any more.
    static func takeParked(
        _ place: ParkedPlace,
        consumer: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> InboundRecord? {
        _ = try await tx.query(holdPartition, consumer, place.topic, place.partition)
        guard let row = try await tx.query(takeParked, place.id).first else { return nil }
        return InboundRecord(
            topic: try row.text(0),
            partition: Int32(clamping: try row.int64(1)),
            offset: try row.int64(2),
            key: try row.optionalBytes(3),
            value: try row.optionalBytes(4),
            headers: Array(zip(try row.textArray(5), try row.bytesArray(6)))
        )
    }

    /// Forgets a parked record that was dealt with, and goes on with the rest of its key.
    static func unpark(_ id: Int64, in tx: borrowing Transaction) async throws(DatabaseError) {
        try await tx.execute(unpark, id)
    }

    /// The record stays parked, with what waits behind it, until somebody asks again.
    static func endReplay(
        at id: Int64,
        reason: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(endReplay, id, reason)
    }
}
