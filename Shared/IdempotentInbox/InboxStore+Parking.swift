public import PostgresClient

/// Setting records aside, as a consumer does it.
extension InboxStore {
    private static let park: Statement = """
        INSERT INTO parked_records
               (consumer, topic, partition, record_offset, key, value, header_names, header_values, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7::text[], $8::bytea[], $9)
        ON CONFLICT DO NOTHING
        """
    private static let parkedKeys: Statement = """
        SELECT DISTINCT key FROM parked_records WHERE consumer = $1 AND key = ANY ($2::bytea[])
        """
    private static let parkedCount: Statement = "SELECT count(*) FROM parked_records WHERE consumer = $1"

    public static func park(
        _ records: [ParkedRecord],
        consumer: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        for parked in records {
            let record = parked.record
            try await tx.execute(
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

    /// - Returns: those of `keys` that have parked records; later events of theirs must wait behind them.
    public static func parkedKeys(
        among keys: [[UInt8]],
        consumer: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Set<[UInt8]> {
        guard !keys.isEmpty else { return [] }
        var parked: Set<[UInt8]> = []
        for row in try await tx.query(parkedKeys, consumer, keys) { parked.insert(try row.bytes(0)) }
        return parked
    }

    public static func parkedCount(
        consumer: String,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int64 {
        try await pool.query(parkedCount, consumer).first?.int64(0) ?? 0
    }
}
