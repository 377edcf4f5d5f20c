/// Which life of which server a database lives in. A restore into another server and every promotion of a replica change it; a
/// restart and a crash do not.
public enum ServerIncarnation {
    /// One row, one text: `<system identifier>/<timeline>`.
    ///
    /// The timeline comes from the write-ahead log: the control file shows a promotion only after a checkpoint.
    private static let find: Statement = """
        SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
          FROM pg_control_system()
        """

    /// The same as text, for the definition of a view.
    public static let sql = find.text

    public static func find(in tx: borrowing Transaction) async throws(DatabaseError) -> String {
        guard let row = try await tx.query(find).first else {
            throw .unexpectedResult("the server did not tell its system identifier")
        }
        return try row.text(0)
    }

    public static func find(on pool: PostgresPool) async throws(DatabaseError) -> String {
        guard let row = try await pool.query(find).first else {
            throw .unexpectedResult("the server did not tell its system identifier")
        }
        return try row.text(0)
    }
}
