extension PostgresPool {
    /// Loads rows with `COPY table (columns) FROM STDIN`, all or nothing; the fastest way in for many rows.
    ///
    /// The statement must use COPY's default text format. Scalars and `[UInt8]` can be values, arrays cannot. The whole input is
    /// held in memory: send batches of some megabytes.
    /// - Returns: how many rows were loaded.
    public func copyIn(
        _ statement: Statement,
        rows: [[(any PostgresEncodable)?]]
    ) async throws(DatabaseError) -> Int {
        let input = try CopyText.encode(rows)
        let connection = try await lease()
        defer { release(connection) }
        let results = try await connection.run(.copy(statement, input), limit: answerLimit).get()
        return try first(of: results.map { Rows(result: $0) }).affectedRowCount
    }
}

/// COPY's text format: tab between fields, newline after rows, `\N` for NULL, backslash escapes.
/// Source: PostgreSQL manual, SQL COPY, "Text Format".
enum CopyText {
    static func encode(_ rows: [[(any PostgresEncodable)?]]) throws(DatabaseError) -> [UInt8] {
        var output: [UInt8] = []
        for row in rows {
            for (column, field) in row.enumerated() {
                if column > 0 { output.append(tab) }
                let value = field?.postgresValue ?? .null
                try value.validate(parameter: column + 1)
                try append(value, column, to: &output)
            }
            output.append(newline)
        }
        return output
    }

    private static func append(_ value: PostgresValue, _ column: Int, to output: inout [UInt8])
        throws(DatabaseError)
    {
        switch value {
        case .null: output += [backslash, UInt8(ascii: "N")]
        case .text(let text): for byte in text.utf8 { appendEscaped(byte, to: &output) }
        case .bytes(let bytes):
            output += [backslash, backslash, UInt8(ascii: "x")]
            for byte in bytes { output += [hexDigit(byte >> 4), hexDigit(byte & 0x0F)] }
        case .array, .invalid:
            throw .invalidValue("column \(column + 1): an array cannot be sent with COPY; use unnest")
        }
    }

    private static func appendEscaped(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case tab: output += [backslash, UInt8(ascii: "t")]
        case newline: output += [backslash, UInt8(ascii: "n")]
        case carriageReturn: output += [backslash, UInt8(ascii: "r")]
        case backslash: output += [backslash, backslash]
        default: output.append(byte)
        }
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    private static let tab = UInt8(ascii: "\t")
    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let backslash = UInt8(ascii: "\\")
}
