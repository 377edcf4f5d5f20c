public import Determinism
public import PostgresClient

/// What an operator asks of the relay. The relay carries it out between ticks, under its own lease.
public struct OutboxRequest: Sendable {
    public enum Kind: String, Sendable {
        /// Publish rows that are still in the partitions once more: refills a topic that was lost.
        case republish = "REPUBLISH"
        /// Try parked keys again, in order.
        case unpark = "UNPARK"
    }

    public let id: Int64
    public let kind: Kind
    /// One key only; nil means all.
    public let key: String?
    /// Rows appended at or after this instant; nil means all that are left.
    public let since: Timestamp?
}

extension TickStore {
    private static let request: Statement = """
        INSERT INTO outbox_requests (kind, key, since) VALUES ($1, $2, $3) RETURNING id
        """
    private static let nextRequest: Statement = """
        SELECT id, kind, key, since FROM outbox_requests WHERE done_at IS NULL ORDER BY id LIMIT 1
        """
    private static let finishRequest: Statement = """
        UPDATE outbox_requests SET done_at = clock_timestamp(), result = $2
         WHERE id = $1 AND done_at IS NULL
        """
    private static let result: Statement = "SELECT result FROM outbox_requests WHERE id = $1"

    public func submit(
        _ kind: OutboxRequest.Kind,
        key: String?,
        since: Timestamp?
    ) async throws(DatabaseError) -> Int64 {
        guard let row = try await pool.query(Self.request, kind.rawValue, key, since).first else {
            throw .unexpectedResult("the request got no id")
        }
        return try row.int64(0)
    }

    /// - Returns: what the relay reported, or nil while it has not finished.
    public func result(of request: Int64) async throws(DatabaseError) -> String? {
        try await pool.query(Self.result, request).first?.optionalText(0)
    }

    public func nextRequest() async throws(DatabaseError) -> OutboxRequest? {
        guard let row = try await pool.query(Self.nextRequest).first else { return nil }
        guard let kind = OutboxRequest.Kind(rawValue: try row.text(1)) else {
            throw .unexpectedResult("unknown kind of request")
        }
        return OutboxRequest(
            id: try row.int64(0),
            kind: kind,
            key: try row.optionalText(2),
            since: try row.optionalTimestamp(3)
        )
    }

    /// May be told again; the first result stays.
    ///
    /// - Throws: `fenced` when another leads, or in another server: there nothing may have been served.
    public func finish(_ request: Int64, result: String, by leader: TickLeader) async throws(TickFailure) {
        _ = try await fenced(leader.epoch, in: leader.incarnation) { tx throws(DatabaseError) in
            try await tx.execute(Self.finishRequest, request, result)
        }
    }
}
