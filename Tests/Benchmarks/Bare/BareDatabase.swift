import CLibpq

/// libpq with nothing around it: blocking calls on one connection, prepared statements, parameters and values as text. Used by one
/// thread.
final class BareDatabase {
    private let connection: OpaquePointer

    /// - Parameter statements: by the name they are run by.
    init(_ url: String, _ statements: [String: String]) throws {
        guard let connection = PQconnectdb(url) else { throw BenchFailure("libpq made no connection") }
        self.connection = connection
        guard PQstatus(connection) == CONNECTION_OK else { throw failure }
        for (name, text) in statements { PQclear(try checked(PQprepare(connection, name, text, 0, nil))) }
    }

    deinit { PQfinish(connection) }

    /// - Returns: the first row, empty when there is none.
    func run(_ name: String, _ values: [String]) throws -> [String] {
        let texts = values.map { Array($0.utf8CString) }
        let result = try withPointers(texts[...], []) {
            try checked(PQexecPrepared(connection, name, Int32($0.count), $0, nil, nil, 0))
        }
        defer { PQclear(result) }
        guard PQntuples(result) > 0 else { return [] }
        return (0..<PQnfields(result)).map { PQgetvalue(result, 0, $0).map { String(cString: $0) } ?? "" }
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
