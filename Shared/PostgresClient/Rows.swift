/// The answer to one statement, held whole in memory: ask for pages (`LIMIT`, keyset) where it could be large.
public struct Rows: Sendable, RandomAccessCollection {
    let result: ResultHandle

    public var startIndex: Int { 0 }
    public var endIndex: Int { result.rowCount }
    /// A row outside the range answers every getter with `.unexpectedResult`.
    public subscript(position: Int) -> Row { Row(result: result, index: position) }

    /// Rows inserted, updated, deleted or, for a SELECT, returned.
    public var affectedRowCount: Int { result.affectedRowCount }
    /// For example `UPDATE 1`, `COMMIT`.
    public var commandTag: String { result.commandTag }

    /// The only row.
    /// - Throws: `.unexpectedResult` when there are none or several.
    public func only() throws(DatabaseError) -> Row {
        guard count == 1 else { throw .unexpectedResult("expected one row, got \(count)") }
        return self[0]
    }
}
