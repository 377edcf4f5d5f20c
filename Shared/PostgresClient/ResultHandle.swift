internal import CLibpq

/// Owns one `PGresult` and frees it exactly once.
///
/// `@unchecked Sendable`: libpq documents a PGresult as read-only after it was returned and free to be passed between
/// threads; the pointer never changes.
final class ResultHandle: @unchecked Sendable {
    private let raw: OpaquePointer

    init(owning raw: OpaquePointer) { self.raw = raw }
    deinit { PQclear(raw) }

    var status: ExecStatusType { PQresultStatus(raw) }
    var rowCount: Int { Int(PQntuples(raw)) }
    var columnCount: Int { Int(PQnfields(raw)) }
    var commandTag: String { PQcmdStatus(raw).map { String(cString: $0) } ?? "" }
    var affectedRowCount: Int { PQcmdTuples(raw).flatMap { Int(String(cString: $0)) } ?? 0 }

    func type(column: Int) -> PostgresType { PostgresType(PQftype(raw, Int32(truncatingIfNeeded: column))) }

    /// Lends the field's bytes for the length of one call; nil for NULL. The caller has checked both indices.
    func withField<Value>(row: Int, column: Int, _ body: (UnsafeRawBufferPointer) -> Value) -> Value? {
        let row = Int32(truncatingIfNeeded: row)
        let column = Int32(truncatingIfNeeded: column)
        guard PQgetisnull(raw, row, column) == 0 else { return nil }
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(raw, row, column),
            count: Int(PQgetlength(raw, row, column))
        )
        return body(bytes)
    }

    /// The server's refusal; nil when the statement succeeded.
    var failure: DatabaseError? {
        switch status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return nil
        case PGRES_EMPTY_QUERY: return .unexpectedResult("the statement is empty")
        default: break
        }
        let state = field(DiagnosticField.sqlState)
        let message = field(DiagnosticField.primaryMessage) ?? "no message"
        // FATAL and PANIC: the server ends the session; what it did before is not told.
        guard let state, let severity = field(DiagnosticField.severity), severity == "ERROR" else {
            return .connectionLost(state.map { "\(message) (\($0))" } ?? message)
        }
        guard state != "57014" else { return .timedOut(message) }
        return .refused(sqlState: state, message: message, constraint: field(DiagnosticField.constraint))
    }

    private func field(_ code: Int32) -> String? {
        PQresultErrorField(raw, code).map { String(cString: $0) }
    }
}

/// The header spells these as characters (`PG_DIAG_SEVERITY_NONLOCALIZED` …), which Swift does not import.
private enum DiagnosticField {
    static let severity: Int32 = 86  // 'V'
    static let sqlState: Int32 = 67  // 'C'
    static let primaryMessage: Int32 = 77  // 'M'
    static let constraint: Int32 = 110  // 'n'
}
