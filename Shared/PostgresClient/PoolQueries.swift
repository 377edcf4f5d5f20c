internal import CLibpq

/// Single statements, each its own transaction.
extension PostgresPool {
    /// Runs one statement and returns its rows.
    public func query(_ statement: Statement, _ values: any PostgresEncodable...) async throws(DatabaseError)
        -> Rows
    {
        try await first(of: pipeline([BoundStatement(statement, values: values)]))
    }

    /// Runs one statement and returns how many rows it touched.
    @discardableResult
    public func execute(_ statement: Statement, _ values: any PostgresEncodable...)
        async throws(DatabaseError) -> Int
    {
        try await first(of: pipeline([BoundStatement(statement, values: values)])).affectedRowCount
    }

    /// Runs all statements in one round trip and one transaction: they take effect together or not at all.
    /// When the connection is lost or times out, which of the two is unknown.
    public func pipeline(_ batch: [BoundStatement]) async throws(DatabaseError) -> [Rows] {
        for bound in batch { try bound.validate() }
        let connection = try await lease()
        defer { release(connection) }
        return try await connection.run(.pipeline(batch), limit: answerLimit).get().map { Rows(result: $0) }
    }

    /// Asks the server for a sign of life.
    public func ping() async throws(DatabaseError) { try await execute(.ping) }

    /// The server's own limit comes first; it answers, and the connection lives on.
    var answerLimit: Duration { settings.statementTimeout + .milliseconds(500) }
}

/// - Throws: `.unexpectedResult`; the server answers every statement, so this means a misunderstanding of the protocol.
func first(of results: [Rows]) throws(DatabaseError) -> Rows {
    guard let rows = results.first else { throw .unexpectedResult("the server sent no result") }
    return rows
}
