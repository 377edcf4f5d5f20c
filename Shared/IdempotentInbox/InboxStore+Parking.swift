public import PostgresClient

/// Setting records aside, as a consumer does it.
extension InboxStore {
    private static let park: Statement = """
        INSERT INTO parked_records
               (consumer, topic, partition, record_offset, key, value, header_names, header_values, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7::text[], $8::bytea[], $9)
        ON CONFLICT DO NOTHING
        """
    private static let parkedCount: Statement = "SELECT count(*) FROM parked_records WHERE consumer = $1"

    /// They travel with the next statement, or with COMMIT.
    static func park(
        _ records: [ParkedRecord],
        consumer: String,
        in tx: borrowing Transaction
    ) throws(DatabaseError) {
        for parked in records {
            let record = parked.record
            try tx.enqueue(
                park,
                consumer,
                record.topic,
                record.partition,
                record.offset,
                record.key,
                record.value,
                record.headers.map(\.name),
                record.headers.map(\.value),
                parked.reason
            )
        }
    }

    public static func parkedCount(
        consumer: String,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int64 {
        try await pool.query(parkedCount, consumer).first?.int64(0) ?? 0
    }
}
