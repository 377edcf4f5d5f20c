import CLibpq

/// libpq with nothing around it: blocking calls on one connection, prepared statements, parameters and values as text. Used by one
/// thread.
final class BareDatabase {
    private let connection: OpaquePointer

    /// - Parameters:
    ///   - settings: statements that are run first.
    ///   - statements: by the name they are run by.
    init(_ url: String, settings: String = "", _ statements: [String: String]) throws {
        guard let connection = PQconnectdb(url) else { throw BenchFailure("libpq made no connection") }
        self.connection = connection
        guard PQstatus(connection) == CONNECTION_OK else { throw failure }
        if !settings.isEmpty { PQclear(try checked(PQexec(connection, settings))) }
        for (name, text) in statements { PQclear(try checked(PQprepare(connection, name, text, 0, nil))) }
    }

    deinit { PQfinish(connection) }

    /// - Returns: the first row, empty when there is none.
    func run(_ name: String, _ values: [String]) throws -> [String] {
        let result = try execute(name, values, format: 0)
        defer { PQclear(result) }
        guard PQntuples(result) > 0 else { return [] }
        return (0..<PQnfields(result)).map { PQgetvalue(result, 0, $0).map { String(cString: $0) } ?? "" }
    }

    /// Shows `visit` each row's fields in PostgreSQL's binary form, as long as it runs.
    ///
    /// - Returns: the number of rows.
    func each(
        _ name: String,
        _ values: [String],
        _ visit: (_ field: (Int32) -> UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        let result = try execute(name, values, format: 1)
        defer { PQclear(result) }
        let count = PQntuples(result)
        for row in 0..<count {
            try visit { column in
                UnsafeRawBufferPointer(
                    start: PQgetvalue(result, row, column),
                    count: Int(PQgetlength(result, row, column))
                )
            }
        }
        return Int(count)
    }

    private func execute(_ name: String, _ values: [String], format: Int32) throws -> OpaquePointer {
        let texts = values.map { Array($0.utf8CString) }
        return try withPointers(texts[...], []) {
            try checked(PQexecPrepared(connection, name, Int32($0.count), $0, nil, nil, format))
        }
    }

    private func withPointers<Value>(
        _ texts: ArraySlice<[CChar]>,
        _ found: [UnsafePointer<CChar>?],
        _ body: ([UnsafePointer<CChar>?]) throws -> Value
    ) rethrows -> Value {
        guard let first = texts.first else { return try body(found) }
        return try first.withUnsafeBufferPointer {
            try withPointers(texts.dropFirst(), found + [$0.baseAddress], body)
        }
    }

    private func checked(_ result: OpaquePointer?) throws -> OpaquePointer {
        let status = PQresultStatus(result)
        guard let result, status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
            PQclear(result)
            throw failure
        }
        return result
    }

    private var failure: BenchFailure { BenchFailure(String(cString: PQerrorMessage(connection))) }
}
