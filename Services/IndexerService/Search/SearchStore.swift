import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that reads `documents` for a search.
struct SearchStore: Sendable {
    /// What is deleted, quarantined, purged or found not to be what was acknowledged is not there.
    /// The rank takes part in the order as stored, so the position of a hit can be named exactly.
    private static let search: Statement = """
        SELECT file_id, name, content_type, size, sha256, version, excerpt, rank::text
          FROM (
              SELECT d.*, ts_rank(d.search, wanted) AS rank
                FROM documents AS d, to_tsquery('simple', normalize($3, NFC)) AS wanted
               WHERE d.tenant = $1 AND d.owner = $2
                 AND d.state = 'LIVE' AND d.index_state <> 'REJECTED'
                 AND d.search @@ wanted
                 AND ($4::text IS NULL OR lower(btrim(split_part(d.content_type, ';', 1))) = lower($4))
                 AND ($5::text IS NULL OR starts_with(d.name, normalize($5, NFC)))
          ) AS hit
         WHERE $6::real IS NULL OR rank < $6::real OR (rank = $6::real AND file_id > $7::uuid)
         ORDER BY rank DESC, file_id
         LIMIT $8
        """

    private let pool: PostgresPool

    init(_ pool: PostgresPool) { self.pool = pool }

    /// The best hits of one owner after `request.cursor`, at most `request.limit` and one more if there is one.
    func search(
        _ request: SearchRequest,
        tenant: String,
        owner: String
    ) async throws(DatabaseError) -> [SearchHit] {
        let rows = try await pool.query(
            Self.search,
            tenant,
            owner,
            request.tsquery,
            request.contentType,
            request.namePrefix,
            request.cursor?.rank,
            request.cursor?.fileID,
            request.limit + 1
        )
        var hits: [SearchHit] = []
        for row in rows { hits.append(try SearchHit(row)) }
        return hits
    }
}

/// One file that was found.
struct SearchHit: Equatable, Sendable {
    let fileID: UUID
    let name: String
    let contentType: String
    let size: Int64
    /// Nil until the bytes have been read, unless it was stated.
    let sha256: String?
    let version: Int64
    let excerpt: String?
    /// As PostgreSQL writes it: exact, and a JSON number.
    let rank: String

    fileprivate init(_ row: Row) throws(DatabaseError) {
        fileID = try row.uuid(0)
        name = try row.text(1)
        contentType = try row.text(2)
        size = try row.int64(3)
        sha256 = try row.optionalText(4)
        version = try row.int64(5)
        excerpt = try row.optionalText(6)
        rank = try row.text(7)
    }
}
