import PostgresClient
import TestSupport
import Testing
import TransactionalOutbox

@testable import UploadService

@Suite("I13 an upgrade forgets nothing that is not published")
struct PublicationUpgradeTests {
    /// Three files of before: one whose event has left the outbox, one whose event is in it, one whose event is parked.
    private static let before: Statement = """
        WITH ids (n, id) AS (
            SELECT n, ('00000000-0000-7000-8000-00000000000' || n)::uuid FROM generate_series(1, 3) n
        ), uploaded AS (
            INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, object_key, state, expires_at)
            SELECT id, id, 'acme', 'ann', 'f' || n, 'text/plain', 'acme/2026/11/' || id || '.1', 'COMPLETED',
                   clock_timestamp()
              FROM ids RETURNING id
        ), stored AS (
            INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag,
                               state, version, created_at, updated_at)
            SELECT id, id, 'acme', 'ann', 'f' || n, 'text/plain', 0, sha256(''), 'acme/2026/11/' || id || '.1',
                   'e', 'AVAILABLE', n + 3, clock_timestamp() - interval '1 day',
                   clock_timestamp() - interval '1 day'
              FROM ids RETURNING id
        ), appended AS (
            INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
            SELECT 0, 'e2', 'waybill.files.v1', id::text, 5, '{}', '' FROM ids WHERE n = 2 RETURNING id
        )
        INSERT INTO outbox_parked (id, event_id, topic, key, version, headers, payload, reason)
        SELECT 999, 'e3', 'waybill.files.v1', id::text, 6, '{}', '', 'too large' FROM ids WHERE n = 3
        """
    private static let published: Statement = "SELECT published_version FROM files ORDER BY id"

    private func published(_ pool: PostgresPool) async throws -> [Int64] {
        var versions: [Int64] = []
        for row in try await pool.query(Self.published) { versions.append(try row.int64(0)) }
        return versions
    }

    @Test func whatLeftTheOutboxCountsAsPublishedAndTheRestIsNotedInItsTurn() async throws {
        try await TestDatabase.withSchema { pool in
            let old = Schema.migrations.prefix { $0.name != "publication" }
            try await Migrator.migrate(Array(old), on: pool)
            let parts = try await pool.execute(Self.before)
            #expect(parts == 1)
            try await Migrator.migrate(Schema.migrations, on: pool)
            #expect(try await published(pool) == [4, 0, 0])

            let hold = HoldStore(PublicationStore.hold, on: pool)
            try await hold.register()
            try await PassingRelay(pool: pool).pass()
            let range = try #require(try await hold.published())
            let page = try #require(try await hold.rows(of: range, after: .start))
            #expect(try await PublicationStore.note(page.rows, on: pool) == 1)
            #expect(try await hold.advance(over: range))
            #expect(try await published(pool) == [4, 5, 0])
            // The parked one waits for an operator: nothing else is told again.
            try await hold.settle()
            let gaps = try await PublicationStore.gaps(after: nil, olderThan: .zero, limit: 10, on: pool)
            #expect(gaps.isEmpty)
        }
    }
}
