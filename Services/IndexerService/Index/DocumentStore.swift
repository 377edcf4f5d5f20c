import Determinism
import EventContracts
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `documents`. The version is the fence: what is older than the row changes nothing.
enum DocumentStore {
    /// The name can be searched at once; the text comes when the bytes have been verified.
    private static let upsert: Statement = """
        INSERT INTO documents (file_id, version, tenant, owner, state, updated_at,
                               name, content_type, size, sha256, object_key, search)
        SELECT file_id, version, tenant, owner, state, updated_at, name, content_type, size, sha256, object_key,
               CASE WHEN words IS NOT NULL
                   THEN setweight(to_tsvector('simple', normalize(words, NFC)), 'A') END
          FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[],
                      $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[])
               AS new (file_id, version, tenant, owner, state, updated_at, name, content_type, size, sha256,
                       object_key, words)
        ON CONFLICT (file_id) DO UPDATE SET
               version = EXCLUDED.version,
               state = EXCLUDED.state,
               updated_at = EXCLUDED.updated_at,
               name = CASE WHEN EXCLUDED.state <> 'PURGED' THEN coalesce(EXCLUDED.name, documents.name) END,
               content_type = CASE WHEN EXCLUDED.state <> 'PURGED'
                   THEN coalesce(EXCLUDED.content_type, documents.content_type) END,
               size = CASE WHEN EXCLUDED.state <> 'PURGED' THEN coalesce(EXCLUDED.size, documents.size) END,
               sha256 = CASE WHEN EXCLUDED.state <> 'PURGED' THEN coalesce(EXCLUDED.sha256, documents.sha256) END,
               object_key = CASE WHEN EXCLUDED.state <> 'PURGED'
                   THEN coalesce(EXCLUDED.object_key, documents.object_key) END,
               index_state = CASE WHEN EXCLUDED.state = 'LIVE' THEN 'PENDING' ELSE documents.index_state END,
               excerpt = CASE WHEN EXCLUDED.state IN ('DELETED', 'QUARANTINED') THEN documents.excerpt END,
               search = CASE EXCLUDED.state WHEN 'LIVE' THEN EXCLUDED.search
                                            WHEN 'PURGED' THEN NULL ELSE documents.search END
         WHERE documents.version < EXCLUDED.version
        RETURNING file_id
        """
    /// Of files that are told of for the first time. Without ON CONFLICT the index is asked once instead of twice.
    private static let insert: Statement = """
        INSERT INTO documents (file_id, version, tenant, owner, state, updated_at,
                               name, content_type, size, sha256, object_key, search)
        SELECT file_id, version, tenant, owner, state, updated_at, name, content_type, size, sha256, object_key,
               CASE WHEN words IS NOT NULL
                   THEN setweight(to_tsvector('simple', normalize(words, NFC)), 'A') END
          FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[],
                      $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[])
               AS new (file_id, version, tenant, owner, state, updated_at, name, content_type, size, sha256,
                       object_key, words)
        """
    private static let index: Statement = """
        UPDATE documents
           SET index_state = 'INDEXED',
               search = setweight(to_tsvector('simple', normalize($3, NFC)), 'A')
                        || setweight(to_tsvector('simple', normalize($4, NFC)), 'B'),
               excerpt = $5,
               sha256 = $6
         WHERE file_id = $1 AND version = $2 AND state = 'LIVE'
        """
    private static let reject: Statement = """
        UPDATE documents SET index_state = 'REJECTED'
         WHERE file_id = $1 AND version = $2 AND state = 'LIVE'
        """
    private static let isCurrent: Statement = """
        SELECT 1 FROM documents WHERE file_id = $1 AND version = $2 AND state = 'LIVE'
        """
    private static let isNamed: Statement = """
        SELECT 1 FROM documents WHERE object_key = $1 AND state IN ('LIVE', 'QUARANTINED', 'DELETED')
        """
    /// Only the deleted file that a purge is about may still name the key.
    private static let isHeld: Statement = """
        SELECT 1 FROM documents
         WHERE object_key = $1 AND state IN ('LIVE', 'QUARANTINED', 'DELETED')
           AND NOT ($4::boolean AND file_id = $2 AND state = 'DELETED' AND version <= $3)
        """

    private static let forget: Statement = """
        WITH gone AS (
            DELETE FROM documents WHERE file_id IN (
                SELECT file_id FROM documents
                 WHERE tenant = $1 AND state = 'PURGED'
                   AND updated_at < clock_timestamp() - make_interval(secs => $2::bigint / 1000.0)
                 ORDER BY updated_at LIMIT $3)
            RETURNING file_id
        ), removed AS (DELETE FROM removals WHERE file_id IN (SELECT file_id FROM gone))
        SELECT count(*) FROM gone
        """

    /// Forgets tombstones of `tenant` that are older than `age`: what is told late of these files makes them anew.
    ///
    /// - Returns: how many.
    static func forget(
        tenant: String,
        after age: Duration,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int {
        try await pool.query(forget, tenant, age.wholeMilliseconds, limit).first?.int(0) ?? 0
    }

    /// Whether a file that is not gone for good has the key.
    static func isNamed(_ objectKey: String, on pool: PostgresPool) async throws(DatabaseError) -> Bool {
        try await !pool.query(isNamed, objectKey).isEmpty
    }

    /// Applies documents, those of one file in the order given.
    ///
    /// - Parameter areNew: no row is expected of a file that is at its first version; if there is one, the transaction fails by
    ///   the violated constraint.
    /// - Returns: for each, whether it was newer than what the row said.
    static func write(
        _ documents: [Document],
        areNew: Bool,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> [Bool] {
        var rounds = rounds(of: documents)
        var isNewer = Array(repeating: false, count: documents.count)
        if areNew, let first = rounds.first {
            let inserted = first.filter { FileVersion.isFirst(documents[$0].version) }
            rounds[0] = first.filter { !FileVersion.isFirst(documents[$0].version) }
            if !inserted.isEmpty { try tx.enqueue(bound(insert, inserted.map { documents[$0] })) }
            for index in inserted { isNewer[index] = true }
        }
        rounds.removeAll(where: \.isEmpty)
        guard !rounds.isEmpty else { return isNewer }
        let results = try await tx.pipeline(
            rounds.map { round in bound(upsert, round.map { documents[$0] }) }
        )
        for (round, rows) in zip(rounds, results) {
            var written: Set<UUID> = []
            for row in rows { written.insert(try row.uuid(0)) }
            for index in round { isNewer[index] = written.contains(documents[index].fileID) }
        }
        return isNewer
    }

    /// One statement can touch a row once only: the first of each file, the second of each, and so on.
    private static func rounds(of documents: [Document]) -> [[Int]] {
        var counts: [UUID: Int] = [:]
        var rounds: [[Int]] = []
        for (index, document) in documents.enumerated() {
            let round = counts[document.fileID, default: 0]
            counts[document.fileID] = round + 1
            if round == rounds.count { rounds.append([]) }
            rounds[round].append(index)
        }
        return rounds
    }

    /// - Returns: false when the document has moved on; nothing was written.
    static func index(
        _ fileID: UUID,
        version: Int64,
        name: String,
        text: ExtractedText,
        sha256: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        let nameWords = SearchableWords.text(of: name)
        let change = try await tx.execute(
            index,
            fileID,
            version,
            nameWords,
            text.words,
            text.excerpt,
            sha256
        )
        return change == 1
    }

    /// - Returns: false when the document has moved on; nothing was written.
    static func reject(
        _ fileID: UUID,
        version: Int64,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(reject, fileID, version) == 1
    }

    /// Whether there is still something to index: a file that moved on meanwhile need not be read.
    static func isCurrent(
        _ fileID: UUID,
        version: Int64,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        try await !pool.query(isCurrent, fileID, version).isEmpty
    }

    /// Whether a file rests on the key's bytes, other than the deleted one whose purge `order` is: then they must not go.
    static func isHeld(_ order: RemovalSaga.Order, on pool: PostgresPool) async throws(DatabaseError) -> Bool
    {
        let rows = try await pool.query(isHeld, order.objectKey, order.fileID, order.version, order.isPurge)
        return !rows.isEmpty
    }

    private static func bound(_ statement: Statement, _ documents: [Document]) -> BoundStatement {
        BoundStatement(
            statement,
            documents.map(\.fileID),
            documents.map(\.version),
            documents.map(\.tenant),
            documents.map(\.owner),
            documents.map { $0.state.rawValue },
            documents.map(\.updatedAt),
            documents.map { $0.stored?.name },
            documents.map { $0.stored?.contentType },
            documents.map { $0.stored?.size },
            documents.map { $0.stored?.sha256 },
            documents.map { $0.stored?.objectKey },
            documents.map { $0.stored.map { SearchableWords.text(of: $0.name) } }
        )
    }
}
