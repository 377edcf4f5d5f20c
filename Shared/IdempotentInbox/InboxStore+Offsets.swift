public import PostgresClient

/// How far a consumer has come on one partition.
public struct ConsumerPosition: Equatable, Sendable {
    public let consumer: String
    public let topic: String
    public let partition: Int32
    /// The first record that is not applied yet.
    public let nextOffset: Int64
    public let epoch: Int64
}

extension InboxStore {
    private static let positionsOf: Statement = """
        SELECT consumer, topic, partition, next_offset, epoch FROM consumer_offsets
         WHERE $1::text IS NULL OR consumer = $1
         ORDER BY consumer, topic, partition
        """

    /// - Parameter consumer: one consumer only; nil means all.
    /// - Returns: in the order of consumer, topic and partition.
    public static func positions(
        consumer: String?,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [ConsumerPosition] {
        var positions: [ConsumerPosition] = []
        for row in try await pool.query(positionsOf, consumer) {
            positions.append(
                ConsumerPosition(
                    consumer: try row.text(0),
                    topic: try row.text(1),
                    partition: Int32(clamping: try row.int(2)),
                    nextOffset: try row.int64(3),
                    epoch: try row.int64(4)
                )
            )
        }
        return positions
    }
}
