import AccessTokens
import AuditTrail
import IdempotentInbox
import PostgresClient
import TestSupport
import Testing
import TransactionalOutbox

@Suite("I58 what an operator does by hand is written down first")
struct AuditCommandTests {
    private func withDatabase(_ body: (PostgresPool, _ url: String) async throws -> Void) async throws {
        try await TestDatabase.withSchema { pool in
            let parts = [
                TokenStore.schema, OutboxSchema.version1, OutboxSchema.version2, OutboxSchema.version4,
                OutboxSchema.version5,
                InboxSchema.version1,
                InboxSchema.version2, AuditTrail.schema,
            ]
            let sql = parts.joined(separator: "\n")
            _ = try await Migrator.migrate([Migration(number: 1, name: "tables", sql: sql)], on: pool)
            let base = try TestDatabase.url()
            let schema = try #require(pool.settings.schema)
            try await body(
                pool,
                base + (base.contains("?") ? "&" : "?") + "options=-csearch_path%3D\(schema)"
            )
        }
    }

    private func waybill(_ url: String, _ arguments: String...) async throws -> TestCommand {
        try await TestCommand.run("WaybillCLI", arguments, environment: ["WAYBILL_DATABASE_URL": url])
    }

    @Test func everyCommandThatChangesSomethingLeavesARecord() async throws {
        try await withDatabase { pool, url in
            let made = try await waybill(
                url,
                "token",
                "create",
                "--tenant",
                "demo",
                "--principal",
                "ada",
                "--reason",
                "new colleague"
            )
            let token = String(made.standardOutput.dropLast())
            #expect(made.exitCode == 0)
            for arguments in [
                ["token", "revoke", token], ["outbox", "republish", "--wait", "0"],
                ["outbox", "unpark", "--wait", "0", "--key", "k"], ["outbox", "release-hold", "publication"],
                ["offsets", "reset", "--consumer", "c"], ["parked", "replay", "--all"],
                ["parked", "discard", "--key", "k"],
            ] {
                _ = try await TestCommand.run(
                    "WaybillCLI",
                    arguments,
                    environment: ["WAYBILL_DATABASE_URL": url]
                )
            }
            let records = try await AuditTrail.records(on: pool)
            #expect(
                records.map(\.entry.action) == [
                    "token.issued", "token.revoked", "outbox.republish", "outbox.unpark",
                    "outbox.hold_released", "offsets.reset", "parked.replayed", "parked.discarded",
                ]
            )
            #expect(records.allSatisfy { $0.entry.actor.hasPrefix("cli:") && $0.entry.actor != "cli:" })
            #expect(records.first?.entry.reason == "new colleague")
            #expect(records.first?.entry.subject == records.dropFirst().first?.entry.subject)
            #expect(
                !records.contains {
                    "\($0.entry)".contains(token) || "\($0.entry)".contains(token.dropFirst(3))
                },
                "the token itself is in the trail"
            )
        }
    }

    @Test func withoutARecordNothingIsDone() async throws {
        try await withDatabase { pool, url in
            try await pool.execute("ALTER TABLE audit_entries RENAME TO audit_entries_away")
            let made = try await waybill(url, "token", "create", "--tenant", "demo", "--principal", "ada")
            #expect(made.exitCode == 1 && made.standardOutput == "")
            let tokens: Statement = "SELECT count(*) FROM access_tokens"
            #expect(try await pool.query(tokens).first?.int(0) == 0)
        }
    }

    @Test func theTrailIsShownAndProven() async throws {
        try await withDatabase { pool, url in
            for _ in 0..<3 { _ = try await waybill(url, "outbox", "unpark", "--wait", "0") }
            let listed = try await waybill(url, "audit", "list", "--limit", "2")
            let lines = listed.standardOutput.split(separator: "\n")
            #expect(listed.exitCode == 0 && lines.count == 2)
            #expect(lines.first?.hasPrefix("2 ") == true && lines.last?.contains(" outbox.unpark ") == true)
            let json = try await waybill(url, "audit", "list", "--json", "--after", "2")
            #expect(JSONValue(Array(json.standardOutput.utf8))["number"].number == 3)

            let verified = try await waybill(url, "audit", "verify")
            #expect(verified.exitCode == 0 && verified.standardOutput.hasPrefix("3:"))
            let anchor = String(verified.standardOutput.dropLast())
            _ = try await waybill(url, "outbox", "unpark", "--wait", "0")
            let later = try await waybill(url, "audit", "verify", "--anchor", anchor)
            #expect(later.exitCode == 0 && later.standardOutput.hasPrefix("4:"))
            let other = "3:" + String(repeating: "0", count: 64)
            let refused = try await waybill(url, "audit", "verify", "--anchor", other)
            #expect(refused.exitCode == 1 && refused.standardError.contains("broken at record 3"))

            try await pool.execute("ALTER TABLE audit_entries DISABLE TRIGGER ALL")
            try await pool.execute("UPDATE audit_entries SET reason = 'another' WHERE number = 2")
            let broken = try await waybill(url, "audit", "verify")
            #expect(broken.exitCode == 1 && broken.standardOutput == "")
            #expect(broken.standardError.contains("broken at record 2"))
        }
    }
}
