import Determinism
import Digests
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement by which a check reads what it compares. Reads only.
enum ComparisonStore {
    // One statement for each form of the bounds: one that tests for their absence has no plan that fits all of them. Files have
    // the bounds too, so that both tables are read once, in the order of their keys, and merged.
    static let page: Statement = """
        SELECT u.object_key, u.id, u.state,
               f.state, f.version, f.size, f.etag, coalesce(f.sha256, f.verified_sha256), f.created_at,
               row_digest(u.object_key, u.state, f.state, f.version, f.size, f.etag,
                          coalesce(f.sha256, f.verified_sha256))
          FROM uploads u LEFT JOIN files f ON f.object_key = u.object_key AND f.upload_id = u.id
           AND f.object_key > $1 COLLATE "C" AND f.object_key <= $2 COLLATE "C"
         WHERE u.object_key > $1 COLLATE "C" AND u.object_key <= $2 COLLATE "C" ORDER BY u.object_key LIMIT $3
        """
    static let pageToTheEnd: Statement = """
        SELECT u.object_key, u.id, u.state,
               f.state, f.version, f.size, f.etag, coalesce(f.sha256, f.verified_sha256), f.created_at,
               row_digest(u.object_key, u.state, f.state, f.version, f.size, f.etag,
                          coalesce(f.sha256, f.verified_sha256))
          FROM uploads u LEFT JOIN files f ON f.object_key = u.object_key AND f.upload_id = u.id
           AND f.object_key > $1 COLLATE "C"
         WHERE u.object_key > $1 COLLATE "C" ORDER BY u.object_key LIMIT $2
        """
    private static let byKey: Statement = """
        SELECT u.object_key, u.id, u.state,
               f.state, f.version, f.size, f.etag, coalesce(f.sha256, f.verified_sha256), f.created_at,
               row_digest(u.object_key, u.state, f.state, f.version, f.size, f.etag,
                          coalesce(f.sha256, f.verified_sha256)),
               u.file_id, u.tenant, u.s3_upload_id
          FROM uploads u LEFT JOIN files f ON f.object_key = u.object_key AND f.upload_id = u.id
         WHERE u.object_key = ANY ($1)
        """
    private static let place: Statement = """
        SELECT CASE WHEN pg_is_in_recovery() THEN NULL
                    ELSE system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) END
          FROM pg_control_system()
        """
    private static let now: Statement = "SELECT clock_timestamp()"
    /// What is small is counted. What is large may never have been: then by its size, at 400 bytes for a row.
    private static let estimate: Statement = """
        SELECT CASE WHEN reltuples >= 100000 THEN reltuples::bigint
                    WHEN pg_relation_size(oid) < 64 << 20 THEN (SELECT count(*) FROM uploads)
                    ELSE pg_relation_size(oid) / 400 END
          FROM pg_class WHERE oid = 'uploads'::regclass
        """
    /// The parameters are the percentage of the table's pages that are looked at, and how many ranges there shall be.
    private static let boundaries: Statement = """
        SELECT max(object_key) FROM (
            SELECT object_key, ntile($2::int) OVER (ORDER BY object_key) AS tile
              FROM uploads TABLESAMPLE SYSTEM ($1::real)
        ) AS tiles GROUP BY tile ORDER BY tile
        """

    /// Rows of one range in the order of the bytes of their keys.
    static func page(
        after: KeyText?,
        upTo: KeyText?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [RowFacts] {
        // No key is empty.
        let after = after?.bound.text ?? ""
        guard let upTo else { return try await pool.query(pageToTheEnd, after, limit).map(facts) }
        return try await pool.query(page, after, upTo.bound.text, limit).map(facts)
    }

    private static func facts(_ row: Row) throws(DatabaseError) -> RowFacts { try RowFacts(row, nil) }

    /// Those of `keys` that have a row.
    static func rows(
        of keys: [KeyText],
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [KeyText: RowFacts] {
        var rows: [KeyText: RowFacts] = [:]
        for row in try await pool.query(byKey, keys.filter(\.isStorable).map(\.text)) {
            let names = RowFacts.Names(
                fileID: try row.uuid(10),
                tenant: try row.text(11),
                multipartID: try row.optionalText(12)
            )
            let facts = try RowFacts(row, names)
            rows[facts.key] = facts
        }
        return rows
    }

    /// The incarnation of the database; nil on a replica, which may lag behind and proves nothing.
    static func incarnation(on pool: PostgresPool) async throws(DatabaseError) -> String? {
        try await pool.query(place).first?.optionalText(0)
    }

    /// The database's clock: the one by which rows are dated.
    static func now(on pool: PostgresPool) async throws(DatabaseError) -> Timestamp {
        guard let row = try await pool.query(now).first else { throw .unexpectedResult("no time was told") }
        return try row.timestamp(0)
    }

    /// About how many rows there are.
    static func estimatedRowCount(on pool: PostgresPool) async throws(DatabaseError) -> Int64 {
        try await pool.query(estimate).first?.int64(0) ?? 0
    }

    /// At most `count` - 1 keys between which about as many rows lie, from a sample of the table.
    ///
    /// - Parameter percent: of the table's pages, over 0 and up to 100.
    static func boundaries(
        count: Int,
        percent: Double,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [KeyText] {
        let keys = try await pool.query(boundaries, "\(percent)", count).map { row throws(DatabaseError) in
            KeyText(try row.text(0))
        }
        return Array(keys.dropLast())
    }
}

extension RowFacts {
    fileprivate init(_ row: Row, _ names: Names?) throws(DatabaseError) {
        let uploadState = try row.text(2)
        guard let uploadState = UploadState(rawValue: uploadState) else {
            throw .unexpectedResult("an upload in the state \(uploadState)")
        }
        self.init(
            key: KeyText(try row.text(0)),
            uploadID: try row.uuid(1),
            uploadState: uploadState,
            file: try File(row),
            digest: try row.int64(9),
            names: names
        )
    }
}

extension RowFacts.File {
    /// Nil when there is no file.
    fileprivate init?(_ row: Row) throws(DatabaseError) {
        guard let text = try row.optionalText(3) else { return nil }
        guard let state = FileState(rawValue: text) else {
            throw .unexpectedResult("a file in the state \(text)")
        }
        self.state = state
        version = try row.int64(4)
        size = try row.int64(5)
        etag = try row.text(6)
        sha256 = try row.optionalBytes(7).flatMap { Digest256(bytes: $0) }
        createdAt = try row.timestamp(8)
    }
}

/// The rows of one range of keys, page by page.
struct RowPages: SortedPages {
    private let pool: PostgresPool
    private let upperBound: KeyText?
    private let limit: Int
    private var last: KeyText?
    private var isOver = false

    /// - Parameters:
    ///   - after: excluded.
    ///   - upTo: included.
    init(after: KeyText?, upTo: KeyText?, limit: Int = 1_000, on pool: PostgresPool) {
        self.pool = pool
        self.limit = limit
        upperBound = upTo
        last = after
    }

    mutating func nextPage() async throws(CheckFailure) -> [RowFacts]? {
        guard !isOver else { return nil }
        let (after, upperBound, limit, pool) = (last, upperBound, limit, pool)
        let rows = try await asked { () throws(DatabaseError) in
            try await ComparisonStore.page(after: after, upTo: upperBound, limit: limit, on: pool)
        }
        isOver = rows.count < limit
        last = rows.last?.key ?? last
        return rows
    }
}
