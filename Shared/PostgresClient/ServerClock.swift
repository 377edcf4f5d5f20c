public import Determinism

extension Transaction {
    private static let clock: Statement = "SELECT clock_timestamp()"

    /// The server's clock at this moment: one clock for all processes that write to it.
    public func clock() async throws(DatabaseError) -> Timestamp {
        guard let row = try await query(Self.clock).first else {
            throw .unexpectedResult("the server did not tell the time")
        }
        return try row.timestamp(0)
    }
}
