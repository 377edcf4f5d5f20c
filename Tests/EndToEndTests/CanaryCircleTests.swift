import Foundation
import PostgresClient
import TestSupport
import Testing

/// The canary of a whole stack: over the real relay, broker and index.
@Suite("a canary's circle closes, and nobody else sees its file", .timeLimit(.minutes(3)))
struct CanaryCircleTests {
    /// Nothing of the canary's tenant can be deleted as long as this stands: its file stays alive, to be looked at.
    private static let hold: [Statement] = [
        """
        CREATE FUNCTION hold_canary() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'held by a test'; END $$
        """,
        """
        CREATE TRIGGER hold_canary BEFORE UPDATE ON files FOR EACH ROW
          WHEN (OLD.tenant = 'waybill-canary' AND NEW.state <> 'AVAILABLE') EXECUTE FUNCTION hold_canary()
        """,
    ]
    private static let letGo: Statement = "DROP TRIGGER hold_canary ON files"
    private static let alive: Statement = """
        SELECT id::text FROM files
         WHERE tenant = 'waybill-canary' AND state = 'AVAILABLE' AND index_state = 'INDEXED'
        """
    private static let forgeToken: Statement = """
        INSERT INTO access_tokens (token_sha256, tenant, principal, roles)
        VALUES (sha256(convert_to($1, 'UTF8')), 'waybill-canary', 'canary', '{user,superuser}')
        """
    private static let lifeLine = ["file.stored", "file.deleted", "file.purging", "file.purged"]

    @Test func itsFileIsFoundByItsOwnSearchAloneAndGoes() async throws {
        try await TestStack.with { stack in
            for statement in Self.hold { _ = try await stack.uploadDatabase.execute(statement) }
            let operators = try await StackChecks.prepare(stack, ["WAYBILL_CANARY_INTERVAL_SECONDS": "2"])
            let mine = try await stack.store("canary of my own.txt", "a canary sings")
            try await stack.searchFinds("canary", [mine])
            let canary = try await alive(in: stack)
            try await isSeenByNobodyElse(canary, mine, operators)
            try await nobodySpeaksForIt(stack)

            _ = try await stack.uploadDatabase.execute(Self.letGo)
            try await eventually(within: .seconds(60), "the circle is closed") {
                try await stack.uploadDatabase.query(
                    "SELECT FROM rounds WHERE name = 'canary' AND finished_at IS NOT NULL AND failure IS NULL"
                ).count == 1
            }
            try await isGone(canary, operators)
            try await eventually("readiness shows it") {
                try await stack.send("GET", .uploadService, "/readyz?verbose").text
                    .contains("[+] canary (optional): ok")
            }
            let age = try await stack.metric("waybill_canary_age_seconds", of: .uploadService)
            #expect(try #require(age) < 60)
        }
    }

    private func alive(in stack: TestStack) async throws -> String {
        var id: String?
        try await eventually(within: .seconds(30), "a canary is indexed") {
            id = try await stack.uploadDatabase.query(Self.alive).first?.text(0)
            return id != nil
        }
        return try #require(id)
    }

    private func entry(_ canary: String, _ operators: StackChecks) async throws -> HTTPAnswer {
        try await operators.stack.send(
            "GET",
            .indexerService,
            "/api/v1/index/entries/\(canary)?q=canary",
            token: operators.token
        )
    }

    /// It is there, and could be found: its owner's search has it, by the statement that serves everybody's.
    private func isSeenByNobodyElse(_ canary: String, _ mine: String, _ operators: StackChecks) async throws {
        let stack = operators.stack
        let found = try await entry(canary, operators)
        #expect(found.json["is_found"] as? Bool == true && found.string("state") == "LIVE", "\(found.text)")
        for token in [stack.token, stack.otherToken, operators.token] {
            let list = try await stack.send("GET", .uploadService, "/api/v1/files?limit=100", token: token)
            let hits = try await stack.send("GET", .indexerService, "/api/v1/search?q=canary", token: token)
            #expect(list.status == 200 && hits.status == 200)
            #expect(list.text.contains(mine) == (token == stack.token))
            #expect(hits.text.contains(mine) == (token == stack.token))
            #expect(!list.text.contains(canary) && !list.text.contains("canary-"))
            #expect(!hits.text.contains(canary) && !hits.text.contains("canary-"))
            let facts = try await stack.send("GET", .uploadService, "/api/v1/files/\(canary)", token: token)
            #expect(facts.status == 404)
        }
    }

    /// Not even with a token that somebody wrote into the table by hand.
    private func nobodySpeaksForIt(_ stack: TestStack) async throws {
        let database = ["--database", stack.uploadDatabaseURL]
        let made = try await TestCommand.run(
            "WaybillCLI",
            ["token", "create", "--tenant", "waybill-canary", "--principal", "canary"] + database
        )
        #expect(made.exitCode == 64 && made.standardOutput == "")
        #expect(
            made.standardError.contains("Nobody may speak for the tenant waybill-canary"),
            "\(made.output)"
        )
        for pool in [stack.uploadDatabase, stack.indexerDatabase] {
            _ = try await pool.execute(Self.forgeToken, "wb_forged")
        }
        for (program, path) in [
            (StackProgram.uploadService, "/api/v1/files"), (.uploadService, "/api/v1/files/no-id"),
            (.indexerService, "/api/v1/search?q=canary"),
        ] {
            #expect(try await stack.send("GET", program, path, token: "wb_forged").status == 401)
        }
    }

    private func isGone(_ canary: String, _ operators: StackChecks) async throws {
        let stack = operators.stack
        let row = try await stack.uploadDatabase.query(
            "SELECT state, object_key FROM files WHERE id = $1::uuid",
            canary
        )
        #expect(try row.first?.text(0) == "PURGED")
        let key = try #require(try row.first?.text(1))
        #expect(try await !stack.keys().contains(key))
        let left = try await entry(canary, operators)
        #expect(left.json["is_found"] as? Bool == false && left.string("state") == "PURGED", "\(left.text)")
        #expect(try await stack.records().filter { $0.key == canary }.map(\.type) == Self.lifeLine)
    }
}
