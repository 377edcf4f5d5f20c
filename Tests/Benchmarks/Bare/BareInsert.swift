import Determinism
import Foundation
import PostgresClient

/// The same rows as the indexer's, into a table with the same indexes, a thousand a statement, with nothing asked.
struct BareInsert: Sendable {
    let pool: PostgresPool
    private static let rowCount = 1_000

    static let schema = "CREATE TABLE bare_documents (LIKE documents INCLUDING ALL)"
    private static let insert: Statement = """
        INSERT INTO bare_documents (file_id, version, tenant, owner, state, updated_at, search)
        SELECT file_id::uuid, 1, $2, $3, 'DELETED', now(), setweight(to_tsvector('simple', ''), 'A')
          FROM unnest($1::text[]) AS ids (file_id)
        """

    func write(_ ids: [UUID]) async throws {
        for start in stride(from: 0, to: ids.count, by: Self.rowCount) {
            let batch = ids[start..<min(start + Self.rowCount, ids.count)].map(\.text)
            _ = try await pool.execute(Self.insert, batch, Deployment.tenant, Deployment.owner)
        }
    }
}
