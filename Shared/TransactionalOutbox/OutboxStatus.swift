public import PostgresClient

/// How an outbox does, for an operator.
public struct OutboxStatus: Equatable, Sendable {
    /// Age of the oldest unpublished row; 0 when there is none.
    public let unpublishedAgeSeconds: Int64
    /// Rows that cannot be published, and those that wait behind them.
    public let parkedRowCount: Int64
    public let parkedKeyCount: Int64
    /// The partition that writers use now.
    public let slot: Int
    /// The newest leader's; 0 when no relay has ever led.
    public let epoch: Int64
    /// Requests of operators that no relay has carried out yet.
    public let openRequestCount: Int64
}

extension TickStore {
    private static let status: Statement = """
        SELECT (SELECT slot FROM outbox_writer),
               (SELECT epoch FROM outbox_tick),
               (SELECT count(*) FROM outbox_parked),
               (SELECT count(DISTINCT key) FROM outbox_parked),
               (SELECT count(*) FROM outbox_requests WHERE done_at IS NULL)
        """

    public func status() async throws(DatabaseError) -> OutboxStatus {
        guard let row = try await pool.query(Self.status).first else {
            throw .unexpectedResult("the outbox told nothing about itself")
        }
        return OutboxStatus(
            unpublishedAgeSeconds: try await unpublishedAgeSeconds(),
            parkedRowCount: try row.int64(2),
            parkedKeyCount: try row.int64(3),
            slot: try row.int(0),
            epoch: try row.int64(1),
            openRequestCount: try row.int64(4)
        )
    }
}
