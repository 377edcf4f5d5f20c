import PostgresClient
import TestSupport
import Testing

@Suite("Postgres: migrations")
struct MigratorTests {
    private let first = Migration(
        number: 1,
        name: "files",
        sql:
            "CREATE TABLE files (id int); -- a comment\nINSERT INTO files VALUES (1); INSERT INTO files VALUES (2);"
    )
    private let second = Migration(number: 2, name: "names", sql: "ALTER TABLE files ADD name text;")

    private func refusal(_ migrations: [Migration], _ pool: PostgresPool) async -> MigrationError? {
        do throws(MigrationError) {
            _ = try await Migrator.migrate(migrations, on: pool)
            return nil
        } catch { return error }
    }

    @Test func eachIsAppliedOnceAndStatusTells() async throws {
        try await TestDatabase.withSchema { pool async throws in
            #expect(
                try await Migrator.status([first, second], on: pool).map(\.state) == [.pending, .pending]
            )
            let applied = try await Migrator.migrate([first], on: pool)
            #expect(applied == [first])
            #expect(try await Migrator.migrate([first, second], on: pool) == [second])
            #expect(try await Migrator.migrate([first, second], on: pool) == [])
            #expect(try await pool.query("SELECT count(*), count(name) FROM files").only().int(0) == 2)
            for status in try await Migrator.status([first, second], on: pool) {
                guard case .applied = status.state else { Issue.record("\(status)"); return }
            }
        }
    }

    @Test func programsThatStartTogetherApplyOnce() async throws {
        try await TestDatabase.withSchema { pool async throws in
            let migrations = [first, second]
            let applied = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 { group.addTask { try await Migrator.migrate(migrations, on: pool).count } }
                return try await group.reduce(0, +)
            }
            #expect(applied == 2)
            #expect(try await pool.query("SELECT count(*) FROM files").only().int(0) == 2)
        }
    }

    @Test func aFailingOneLeavesNothingOfItself() async throws {
        try await TestDatabase.withSchema { pool async throws in
            let broken = Migration(number: 2, name: "broken", sql: "CREATE TABLE half (x int); SELECT 1/0;")
            guard case .failed(2, "broken", .refused("22012", _, _))? = await refusal([first, broken], pool)
            else {
                Issue.record("must fail")
                return
            }
            #expect(try await pool.query("SELECT to_regclass('half') IS NULL").only().bool(0))
            #expect(try await Migrator.migrate([first, second], on: pool) == [second])
        }
    }

    @Test func aChangedOneIsRefused() async throws {
        try await TestDatabase.withSchema { pool async throws in
            _ = try await Migrator.migrate([first], on: pool)
            let changed = Migration(number: 1, name: "files", sql: first.sql + " ")
            #expect(await refusal([changed, second], pool) == .changed(number: 1, name: "files"))
            guard case .changed? = try await Migrator.status([changed], on: pool).first?.state else {
                Issue.record("status must tell")
                return
            }
        }
    }

    @Test func anOlderProgramIsRefused() async throws {
        try await TestDatabase.withSchema { pool async throws in
            _ = try await Migrator.migrate([first, second], on: pool)
            #expect(await refusal([first], pool) == .databaseNewer(number: 2, name: "names"))
        }
    }

    @Test func oneThatEndsItsTransactionIsRefused() async throws {
        try await TestDatabase.withSchema { pool async throws in
            for sql in ["CREATE TABLE x (a int); COMMIT", "COMMIT; BEGIN; CREATE TABLE y (a int)"] {
                guard
                    case .failed(1, "rude", .unexpectedResult)? = await refusal(
                        [Migration(number: 1, name: "rude", sql: sql)],
                        pool
                    )
                else {
                    Issue.record("must be refused: \(sql)")
                    return
                }
                try await pool.execute("DROP TABLE schema_migrations")
            }
        }
    }

    @Test func schemasOfOneDatabaseAreMigratedApart() async throws {
        try await TestDatabase.withSchema { one async throws in
            try await TestDatabase.withSchema { other async throws in
                #expect(try await Migrator.migrate([first], on: one) == [first])
                #expect(try await Migrator.migrate([first, second], on: other) == [first, second])
                try await other.ping()
            }
            try await one.ping()
        }
    }
}
