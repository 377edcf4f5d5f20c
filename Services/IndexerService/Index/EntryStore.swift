import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that reads `documents` for those who compare it with what it was made from.
struct EntryStore: Sendable {
    private static let page: Statement = """
        SELECT file_id, version, state, index_state FROM documents
         WHERE file_id > $1 ORDER BY file_id LIMIT $2
        """
    private static let find: Statement = """
        SELECT file_id, version, state, index_state, tenant, owner, name, content_type, size, sha256, object_key
          FROM documents WHERE file_id = $1
        """

    /// Before every other.
    private static let noID = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

    private let pool: PostgresPool

    init(_ pool: PostgresPool) { self.pool = pool }

    /// Entries of all tenants in the order of their ids, tombstones included.
    func page(after: UUID?, limit: Int) async throws(DatabaseError) -> [IndexEntry] {
        try await pool.query(Self.page, after ?? Self.noID, limit).map(IndexEntry.init)
    }

    func find(_ fileID: UUID) async throws(DatabaseError) -> (IndexEntry, EntryFacts)? {
        guard let row = try await pool.query(Self.find, fileID).first else { return nil }
        return (try IndexEntry(row), try EntryFacts(row))
    }

    /// Whether a search of the file's owner has it on its first page: the statement that serves searches says so.
    func isFound(
        _ fileID: UUID,
        _ facts: EntryFacts,
        by search: SearchRequest
    ) async throws(DatabaseError) -> Bool {
        let hits = try await SearchStore(pool).search(search, tenant: facts.tenant, owner: facts.owner)
        return hits.prefix(search.limit).contains { $0.fileID == fileID }
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

/// What a lost row can be made anew from. Of a tombstone only the first two are left.
struct EntryFacts: Equatable, Sendable {
    let tenant: String
    let owner: String
    let name: String?
    let contentType: String?
    /// Bytes.
    let size: Int64?
    /// Hexadecimal.
    let sha256: String?
    let objectKey: String?

    fileprivate init(_ row: Row) throws(DatabaseError) {
        tenant = try row.text(4)
        owner = try row.text(5)
        name = try row.optionalText(6)
        contentType = try row.optionalText(7)
        size = try row.optionalInt64(8)
        sha256 = try row.optionalText(9)
        objectKey = try row.optionalText(10)
    }
}
