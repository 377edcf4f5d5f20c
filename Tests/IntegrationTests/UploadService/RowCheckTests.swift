import PostgresClient
import TestSupport
import Testing

@testable import UploadService

/// One function for each table says what its rows must be like. Each rule is broken alone.
@Suite("A row that cannot be is refused by the database")
struct RowCheckTests {
    private static let upload: Statement = """
        INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, declared_size, object_key, state, expires_at)
        VALUES (gen_random_uuid(), gen_random_uuid(), 't', 'ann', 'a', 'text/plain', 5, 'k', 'COMPLETED', now())
        """
    private static let file: Statement = """
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, object_key, etag, state, version,
                           created_at, updated_at)
        SELECT file_id, id, tenant, owner, name, content_type, 5, object_key, 'e', 'AVAILABLE', 1, now(), now() FROM uploads
        """

    private static let everything: Statement = """
        SELECT to_jsonb(u)::text FROM uploads u UNION ALL SELECT to_jsonb(f)::text FROM files f
        """
    private static let unread: Statement = """
        SELECT conname FROM pg_constraint
         WHERE NOT convalidated AND conrelid IN ('uploads'::regclass, 'files'::regclass)
        """

    @Test func whatMayBeIsTaken() async throws {
        try await withRows { pool in
            for right: Statement in [
                "UPDATE uploads SET state = 'FAILED', failure_reason = 'x'",
                "UPDATE uploads SET state = 'PENDING', failure_reason = NULL, declared_size = NULL",
                "UPDATE uploads SET declared_size = 0, part_size = 1, part_count = 10000, checksum_kind = 'crc32c'",
                "UPDATE uploads SET declared_sha256 = sha256('')",
                "UPDATE files SET state = 'PURGED', delete_after = now()",
                "UPDATE files SET state = 'QUARANTINED', delete_after = NULL, size = 0",
                "UPDATE files SET sha256 = sha256(''), verified_sha256 = sha256(''), index_state = 'REJECTED'",
            ] {
                let count = try await pool.execute(right)
                #expect(count == 1, "\(right.sql)")
            }
        }
    }

    @Test func noOtherUpload() async throws {
        try await withRows { pool in
            for wrong: Statement in [
                "UPDATE uploads SET state = 'LOST', failure_reason = 'x'",
                "UPDATE uploads SET state = 'FAILED'",
                "UPDATE uploads SET failure_reason = 'x'",
                "UPDATE uploads SET declared_size = -1",
                "UPDATE uploads SET declared_sha256 = 'short'",
                "UPDATE uploads SET part_size = 1",
                "UPDATE uploads SET part_count = 1",
                "UPDATE uploads SET part_size = 1, part_count = 1, declared_size = NULL",
                "UPDATE uploads SET part_size = 0, part_count = 1",
                "UPDATE uploads SET part_size = 1, part_count = 0",
                "UPDATE uploads SET part_size = 1, part_count = 10001",
                "UPDATE uploads SET checksum_kind = 'md5'",
            ] {
                await expectRefused(wrong, by: "uploads_row", pool)
            }
        }
    }

    @Test func noOtherFile() async throws {
        try await withRows { pool in
            for wrong: Statement in [
                "UPDATE files SET state = 'LOST', delete_after = now()",
                "UPDATE files SET state = 'DELETED'",
                "UPDATE files SET delete_after = now()",
                "UPDATE files SET size = -1",
                "UPDATE files SET sha256 = 'short'",
                "UPDATE files SET verified_sha256 = 'short'",
                "UPDATE files SET version = 0",
                "UPDATE files SET index_state = 'LOST'",
            ] {
                await expectRefused(wrong, by: "files_row", pool)
            }
        }
    }

    /// Rows that came under the constraints before are read again, and kept; from then on their rules are asked for them too.
    @Test func rowsOfBeforeAreKept() async throws {
        try await TestDatabase.withSchema { pool in
            try await Migrator.migrate(Array(Schema.migrations.prefix { $0.name != "row_checks" }), on: pool)
            for statement in [Self.upload, Self.file] { _ = try await pool.execute(statement) }
            let before = try await pool.query(Self.everything).map { try $0.text(0) }
            try await Migrator.migrate(Schema.migrations, on: pool)
            #expect(try await pool.query(Self.everything).map { try $0.text(0) } == before)
            #expect(before.count == 2)
            #expect(try await pool.query(Self.unread).isEmpty)
            await expectRefused("UPDATE uploads SET declared_size = -1", by: "uploads_row", pool)
            await expectRefused("UPDATE files SET size = -1", by: "files_row", pool)
        }
    }

    private func expectRefused(_ wrong: Statement, by constraint: String, _ pool: PostgresPool) async {
        let error = await #expect(throws: DatabaseError.self, "\(wrong.sql)") {
            try await pool.execute(wrong)
        }
        #expect(error?.isViolation(of: constraint) == true, "\(wrong.sql): \(String(describing: error))")
    }

    private func withRows(_ body: (PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.withSchema { pool in
            try await Migrator.migrate(Schema.migrations, on: pool)
            for statement in [Self.upload, Self.file] { _ = try await pool.execute(statement) }
            try await body(pool)
        }
    }
}
