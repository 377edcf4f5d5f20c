import AccessTokens
import AuditTrail
import Determinism
import Foundation
import IdempotentInbox
import PostgresClient
import TestSupport
import Testing
import TransactionalOutbox

/// Runs the built command against a real database, as an operator does.
struct WaybillCommandTests {
    /// Nobody listens there.
    private static let closedDatabase = "postgresql://nobody:s3cret@127.0.0.1:1/nothing"

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

    private func waybill(_ arguments: String...) async throws -> TestCommand {
        try await TestCommand.run("WaybillCLI", arguments)
    }

    @Test func aNewTokenIsAllOfStandardOutputAndWorksEverywhere() async throws {
        try await withDatabase { first, firstURL in
            try await withDatabase { second, secondURL in
                let made = try await waybill(
                    "token",
                    "create",
                    "--database",
                    firstURL,
                    "--database",
                    secondURL,
                    "--tenant",
                    "demo",
                    "--principal",
                    "alice",
                    "--roles",
                    "user,superuser"
                )
                #expect(made.exitCode == 0 && made.standardError == "")
                #expect(made.standardOutput.contains(/^wb_[0-9a-f]{64}\n$/))
                let token = String(made.standardOutput.dropLast())
                let alice = Caller(tenant: "demo", principal: "alice", roles: [.user, .superuser])
                for pool in [first, second] { #expect(try await TokenStore(pool).find(token) == alice) }

                let revoked = try await waybill(
                    "token",
                    "revoke",
                    "--database",
                    firstURL,
                    "--database",
                    secondURL,
                    token
                )
                #expect(revoked.exitCode == 0)
                for pool in [first, second] { #expect(try await TokenStore(pool).find(token) == nil) }
                let again = try await waybill("token", "revoke", "--database", firstURL, token)
                #expect(again.exitCode == 1 && again.standardError.contains("was revoked before"))
            }
        }
    }

    @Test func aTokenThatIsNotEverywhereIsShownToNobody() async throws {
        try await withDatabase { pool, url in
            let made = try await waybill(
                "token",
                "create",
                "--database",
                url,
                "--database",
                Self.closedDatabase,
                "--tenant",
                "demo",
                "--principal",
                "alice"
            )
            #expect(made.exitCode == 69 && made.standardOutput == "")
            #expect(made.standardError.contains("127.0.0.1:1/nothing cannot be reached"))
            #expect(made.standardError.contains("is revoked"))
            #expect(!made.standardError.contains("s3cret"), "a password reached the terminal")
            #expect(made.standardError.split(separator: "\n").count == 1)
            let left: Statement = "SELECT count(*) FROM access_tokens WHERE revoked_at IS NULL"
            #expect(try await pool.query(left).first?.int(0) == 0)
        }
    }

    @Test(arguments: [
        ["token", "create", "--database", "postgresql:///x", "--tenant", "Demo!", "--principal", "a"],
        ["token", "create", "--database", "postgresql:///x", "--tenant", "demo", "--principal", ""],
        [
            "token", "create", "--database", "postgresql:///x", "--tenant", "demo", "--principal", "a",
            "--roles",
            "root",
        ],
        ["token", "create", "--tenant", "demo", "--principal", "a"],
        ["outbox", "republish", "--database", "postgresql:///x", "--since", "yesterday"],
        ["outbox", "unpark", "--database", "postgresql:///x", "--wait", "-1"],
        ["outbox", "status"], ["offsets", "reset", "--database", "postgresql:///x"], ["nonsense"],
    ])
    func wrongUsageIsRefusedBeforeAnythingHappens(_ arguments: [String]) async throws {
        let ended = try await TestCommand.run(
            "WaybillCLI",
            arguments,
            environment: ["WAYBILL_DATABASE_URL": ""]
        )
        #expect(ended.exitCode == 64 && ended.standardOutput == "" && ended.standardError != "")
    }

    @Test func anOutboxRequestWaitsForTheRelaysAnswer() async throws {
        try await withDatabase { pool, url in
            async let ended = waybill(
                "outbox",
                "republish",
                "--database",
                url,
                "--key",
                "k1",
                "--since",
                "2026-11-21T09:30:00+01:00",
                "--json"
            )
            // The part of the relay.
            let ticks = TickStore(pool)
            let leader = try await ticks.adopt(epoch: 1).leader
            try await eventually("the request arrives") { try await ticks.nextRequest() != nil }
            let request = try #require(try await ticks.nextRequest())
            #expect(request.kind == .republish && request.key == "k1")
            #expect(request.since?.rfc3339 == "2026-11-21T08:30:00.000000Z")
            try await ticks.finish(request.id, result: "3 rows published again", by: leader)
            #expect(try await ended.exitCode == 0)
            #expect(
                try await ended.standardOutput == """
                    {"request":\(request.id),"result":"3 rows published again"}\n
                    """
            )
        }
    }

    @Test func anUnansweredRequestStaysAndIsSaidToStay() async throws {
        try await withDatabase { pool, url in
            let ended = try await waybill("outbox", "unpark", "--database", url, "--wait", "0")
            #expect(ended.exitCode == 75 && ended.standardError.contains("stays"))
            #expect(try await TickStore(pool).nextRequest()?.kind == .unpark)
        }
    }

    @Test func statusSaysHowTheOutboxDoes() async throws {
        try await withDatabase { pool, url in
            let event = try OutboxEvent(
                id: "e1",
                topic: "t",
                key: "k",
                version: 1,
                headers: [],
                payload: [1]
            )
            _ = try await pool.withTransaction { tx throws(DatabaseError) in
                try Outbox.append(event, in: tx)
            }
            _ = try await TickStore(pool).adopt(epoch: 7)
            try await HoldStore("publication", on: pool).register()
            _ = try await TickStore(pool).submit(.unpark, key: nil, since: nil)
            let ended = try await waybill("outbox", "status", "--database", url, "--json")
            #expect(ended.exitCode == 0)
            let report = JSONValue(Array(ended.standardOutput.utf8))
            #expect(report["epoch"].number == 7 && report["slot"].number == 0)
            #expect(report["open_requests"].number == 1 && report["unpublished_age_seconds"].number != nil)
            #expect(report["parked_rows"].number == 0 && report["parked_keys"].number == 0)
            #expect(report["holds"]["publication"].number != nil)
            let released = try await waybill("outbox", "release-hold", "--database", url, "publication")
            #expect(released.exitCode == 0)
            let again = try await waybill("outbox", "release-hold", "--database", url, "publication")
            #expect(again.exitCode == 1)
        }
    }

    @Test func resettingOffsetsFencesWhoHoldsThePartition() async throws {
        try await withDatabase { pool, url in
            var claims: [PartitionClaim] = []
            for (topic, partition) in [("a", 0), ("a", 1), ("b", 0)] as [(String, Int32)] {
                let claim = try await InboxStore.claim(
                    consumer: "c",
                    topic: topic,
                    partition: partition,
                    on: pool
                )
                .claim
                try await advance(claim, to: 5, on: pool)
                claims.append(claim)
            }
            let ended = try await waybill(
                "offsets",
                "reset",
                "--database",
                url,
                "--consumer",
                "c",
                "--topic",
                "a"
            )
            #expect(ended.exitCode == 0 && ended.standardOutput == "2 partitions reset\n")
            let shown = try await waybill("offsets", "show", "--database", url)
            #expect(
                shown.standardOutput == """
                    c a/0 next offset 0, epoch 2
                    c a/1 next offset 0, epoch 2
                    c b/0 next offset 5, epoch 1\n
                    """
            )
            await #expect(throws: TransactionError<InboxFailure>.rolledBack(.fenced)) {
                try await advance(claims[0], to: 6, on: pool)
            }
            let none = try await waybill("offsets", "reset", "--database", url, "--consumer", "nobody")
            #expect(none.exitCode == 1 && none.standardError.contains("nobody has no offsets here"))
        }
    }

    private func advance(_ claim: PartitionClaim, to offset: Int64, on pool: PostgresPool) async throws {
        try await pool.withTransaction { tx throws(InboxFailure) in
            try await InboxStore.advance(consumer: "c", claim, to: offset, in: tx)
        }
    }

    @Test func aDatabaseThatIsNotMigratedIsSaidToBeSo() async throws {
        try await TestDatabase.withSchema { pool in
            let base = try TestDatabase.url()
            let schema = try #require(pool.settings.schema)
            let url = base + (base.contains("?") ? "&" : "?") + "options=-csearch_path%3D\(schema)"
            let ended = try await waybill("outbox", "status", "--database", url)
            #expect(ended.exitCode == 1 && ended.standardError.contains("is not migrated"))
        }
    }
}
