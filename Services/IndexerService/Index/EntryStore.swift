import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that reads `documents` for those who compare it with what it was made from.
struct EntryStore: Sendable {
    private static let page: Statement = """
        SELECT file_id, version, state, index_state FROM documents
         WHERE $1::uuid IS NULL OR file_id > $1 ORDER BY file_id LIMIT $2
        """
    private static let find: Statement = """
        SELECT file_id, version, state, index_state FROM documents WHERE file_id = $1
        """

    private let pool: PostgresPool

    init(_ pool: PostgresPool) { self.pool = pool }

    /// Entries of all tenants in the order of their ids, tombstones included.
    func page(after: UUID?, limit: Int) async throws(DatabaseError) -> [IndexEntry] {
        try await pool.query(Self.page, after, limit).map(IndexEntry.init)
    }

    func find(_ fileID: UUID) async throws(DatabaseError) -> IndexEntry? {
        try await pool.query(Self.find, fileID).first.map(IndexEntry.init)
    }
}

/// What the index holds of one file.
struct IndexEntry: Equatable, Sendable {
    let fileID: UUID
    let version: Int64
    let state: String
    let indexState: String

    fileprivate init(_ row: Row) throws(DatabaseError) {
        fileID = try row.uuid(0)
        version = try row.int64(1)
        state = try row.text(2)
        indexState = try row.text(3)
    }
}
