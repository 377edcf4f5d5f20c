import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that reads files for the comparison with the index.
enum CheckedFileStore {
    private static let page: Statement = """
        SELECT id, tenant, state, version,
               updated_at < clock_timestamp() - make_interval(secs => $2::bigint / 1000.0)
          FROM files WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $3
        """
    private static let find: Statement = """
        SELECT id, tenant, state, version,
               updated_at < clock_timestamp() - make_interval(secs => $2::bigint / 1000.0)
          FROM files WHERE id = ANY ($1)
        """

    static func page(
        after: UUID?,
        patience: Duration,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [CheckedFile] {
        try await pool.query(page, after, patience.wholeMilliseconds, limit).map(CheckedFile.init)
    }

    static func find(
        _ ids: [UUID],
        patience: Duration,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [CheckedFile] {
        try await pool.query(find, ids, patience.wholeMilliseconds).map(CheckedFile.init)
    }
}

extension CheckedFile {
    fileprivate init(_ row: Row) throws(DatabaseError) {
        let text = try row.text(2)
        guard let state = FileState(rawValue: text) else {
            throw .unexpectedResult("a file in the state \(text)")
        }
        self.init(
            id: try row.uuid(0),
            tenant: try row.text(1),
            state: state,
            version: try row.int64(3),
            isSettled: try row.bool(4)
        )
    }
}

/// All files in the order of their ids, page by page.
struct FilePages: SortedPages {
    private let pool: PostgresPool
    private let patience: Duration
    private let limit = 1_000
    private var last: UUID?
    private var isOver = false

    init(after: UUID?, patience: Duration, on pool: PostgresPool) {
        self.pool = pool
        self.patience = patience
        last = after
    }

    mutating func nextPage() async throws(CheckFailure) -> [CheckedFile]? {
        guard !isOver else { return nil }
        let (after, patience, limit, pool) = (last, patience, limit, pool)
        let files = try await asked { () throws(DatabaseError) in
            try await CheckedFileStore.page(after: after, patience: patience, limit: limit, on: pool)
        }
        isOver = files.count < limit
        last = files.last?.id ?? last
        return files
    }
}

/// All entries of the index in the order of their files' ids, page by page.
struct IndexPages: SortedPages {
    private let client: IndexerClient
    private var after: UUID?
    private var isOver = false

    init(after: UUID?, client: IndexerClient) {
        self.client = client
        self.after = after
    }

    mutating func nextPage() async throws(CheckFailure) -> [IndexEntry]? {
        guard !isOver else { return nil }
        let page: IndexEntryPage
        do { page = try await client.entries(after: after, limit: 1_000) } catch { throw CheckFailure(error) }
        if let next = page.nextAfter, next == after { throw .disorder("the index repeats a page") }
        after = page.nextAfter
        isOver = page.nextAfter == nil
        return page.entries
    }
}

extension CheckFailure {
    init(_ failure: IndexerFailure) { self = failure == .cancelled ? .stopped : .indexer(failure) }
}
