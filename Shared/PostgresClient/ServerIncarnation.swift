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

    /// For the first place of a pipeline or a transaction, so that what follows in it can compare: `incarnation =
    /// current_setting('waybill.incarnation', true)`. A connection and its transaction never outlive the server, so there is no
    /// moment between the look and the comparison. Without it the setting is NULL, and nothing is equal to it.
    public static let look: Statement = """
        SELECT set_config('waybill.incarnation',
                          system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8), true)
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
