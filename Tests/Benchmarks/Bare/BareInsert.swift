import Determinism
import Foundation
import PostgresClient

/// The rows the indexer writes, the document and what the inbox remembers, into tables with the same indexes: a thousand in
/// one round trip and one transaction, with nothing asked.
struct BareInsert: Sendable {
    let pool: PostgresPool
    private static let rowCount = 1_000

    /// Autovacuum would fall into one side or the other.
    static let schema = """
        CREATE TABLE bare_documents (LIKE documents INCLUDING ALL) WITH (autovacuum_enabled = off);
        CREATE TABLE bare_inbox (LIKE inbox INCLUDING ALL) WITH (autovacuum_enabled = off);
        ALTER TABLE documents SET (autovacuum_enabled = off);
        ALTER TABLE inbox SET (autovacuum_enabled = off);
        CREATE TABLE upserted_documents (LIKE documents INCLUDING ALL) WITH (autovacuum_enabled = off);
        CREATE TABLE upserted_inbox (LIKE inbox INCLUDING ALL) WITH (autovacuum_enabled = off)
        """
    static let analysis = """
        ANALYZE documents, inbox, bare_documents, bare_inbox, upserted_documents, upserted_inbox
        """
    private static let documents: Statement = """
        INSERT INTO bare_documents (file_id, version, tenant, owner, state, updated_at)
        SELECT file_id::uuid, 1, $2, $3, 'DELETED', now() FROM unnest($1::text[]) AS ids (file_id)
        """
    private static let inbox: Statement = """
        INSERT INTO bare_inbox (consumer, event_id) SELECT 'indexer-service', id || '.1' FROM unnest($1::text[]) AS ids (id)
        """

    // The same, where a row may be there already: what writing each event once asks for, unless it is expected to be new.
    private static let upsertedDocuments: Statement = """
        INSERT INTO upserted_documents (file_id, version, tenant, owner, state, updated_at)
        SELECT file_id::uuid, 1, $2, $3, 'DELETED', now() FROM unnest($1::text[]) AS ids (file_id)
        ON CONFLICT (file_id) DO UPDATE SET version = excluded.version, state = excluded.state, search = excluded.search
         WHERE upserted_documents.version < excluded.version
        """
    private static let upsertedInbox: Statement = """
        INSERT INTO upserted_inbox (consumer, event_id) SELECT 'indexer-service', id || '.1' FROM unnest($1::text[]) AS ids (id)
        ON CONFLICT DO NOTHING
        """

    func write(_ ids: [UUID]) async throws { try await write(ids, Self.inbox, Self.documents) }
    func upsert(_ ids: [UUID]) async throws {
        try await write(ids, Self.upsertedInbox, Self.upsertedDocuments)
    }

    private func write(_ ids: [UUID], _ inbox: Statement, _ documents: Statement) async throws {
        for start in stride(from: 0, to: ids.count, by: Self.rowCount) {
            let batch = ids[start..<min(start + Self.rowCount, ids.count)].map(\.text)
            _ = try await pool.pipeline([
                BoundStatement(inbox, batch),
                BoundStatement(documents, batch, Deployment.tenant, Deployment.owner),
            ])
        }
    }
}
