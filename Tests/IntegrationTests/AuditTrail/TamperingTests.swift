import AuditTrail
import Digests
import PostgresClient
import TestSupport
import Testing

/// One way to change the trail behind its back.
struct Tampering: Sendable, CustomTestStringConvertible {
    let name: String
    let statement: Statement
    /// Where a trail of five records is broken then.
    let brokenAt: Int64

    var testDescription: String { name }

    static let all = [
        Tampering("an altered reason", "UPDATE audit_entries SET reason = 'x' WHERE number = 3", 3),
        Tampering("an altered actor", "UPDATE audit_entries SET actor = 'x' WHERE number = 1", 1),
        Tampering(
            "a time moved by a microsecond",
            "UPDATE audit_entries SET recorded_at = recorded_at + interval '1 microsecond' WHERE number = 2",
            2
        ),
        Tampering(
            "a character moved from one field to the next",
            """
            UPDATE audit_entries SET action = left(action, -1), subject = right(action, 1) || subject
             WHERE number = 4
            """,
            4
        ),
        Tampering(
            "nothing instead of an empty text",
            "UPDATE audit_entries SET before = NULL WHERE number = 2",
            2
        ),
        Tampering("an altered digest", "UPDATE audit_entries SET digest = sha256('x') WHERE number = 5", 5),
        Tampering("a removed record", "DELETE FROM audit_entries WHERE number = 2", 2),
        Tampering("a removed beginning", "DELETE FROM audit_entries WHERE number <= 2", 1),
        Tampering("a removed end", "DELETE FROM audit_entries WHERE number > 3", 4),
        Tampering("all removed", "DELETE FROM audit_entries", 1),
        Tampering(
            "two records that changed places",
            """
            UPDATE audit_entries a
               SET actor = b.actor, action = b.action, subject = b.subject, reason = b.reason,
                   before = b.before, after = b.after, recorded_at = b.recorded_at, digest = b.digest
              FROM audit_entries b WHERE (a.number, b.number) IN ((2, 4), (4, 2))
            """,
            2
        ),
        Tampering(
            "a record closed over a gap",
            """
            WITH gone AS (DELETE FROM audit_entries WHERE number = 5 RETURNING *)
            UPDATE audit_entries a SET reason = gone.reason, subject = gone.subject, digest = gone.digest
              FROM gone WHERE a.number = 4
            """,
            4
        ),
        Tampering(
            "an inserted record",
            """
            INSERT INTO audit_entries (number, recorded_at, actor, action, subject, reason, digest)
            VALUES (6, clock_timestamp(), 'x', 'x', 'x', 'x', sha256('x'))
            """,
            6
        ),
        Tampering("a head set back", "UPDATE audit_head SET number = 4", 5),
        Tampering("a head without its digest", "UPDATE audit_head SET digest = sha256('x')", 6),
        Tampering("a removed head", "DELETE FROM audit_head", 1),
    ]

    private init(_ name: String, _ statement: Statement, _ brokenAt: Int64) {
        self.name = name
        self.statement = statement
        self.brokenAt = brokenAt
    }
}

@Suite("I58 tampering with the audit trail is found")
struct TamperingTests {
    private static let unguardEntries: Statement = "ALTER TABLE audit_entries DISABLE TRIGGER ALL"
    private static let unguardHead: Statement = "ALTER TABLE audit_head DISABLE TRIGGER ALL"

    private static func withUnguardedTrail(_ body: (PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.withSchema { pool in
            try await Migrator.migrate(
                [Migration(number: 1, name: "audit", sql: AuditTrail.schema)],
                on: pool
            )
            try await append(5, on: pool)
            try await pool.execute(unguardEntries)
            try await pool.execute(unguardHead)
            try await body(pool)
        }
    }

    private static func append(_ count: Int, on pool: PostgresPool) async throws {
        for number in 1...count {
            let entry = AuditEntry(
                actor: "cli:ada",
                action: "test.done",
                subject: "s\(number)",
                reason: "r\(number)",
                before: number == 2 ? #""""# : nil
            )
            try await AuditTrail.append(entry, on: pool)
        }
    }

    @Test(arguments: Tampering.all)
    func isFound(_ tampering: Tampering) async throws {
        try await Self.withUnguardedTrail { pool in
            #expect(try await AuditTrail.verify(on: pool).isIntact)
            #expect(try await pool.execute(tampering.statement) > 0)
            let verdict = try await AuditTrail.verify(on: pool)
            #expect(verdict.brokenAt == tampering.brokenAt && verdict.defect != nil && verdict.anchor == nil)
        }
    }

    /// Who may write the tables may also compute a chain that holds. What was noted outside finds it.
    @Test func aChainComputedAnewIsFoundByAnAnchor() async throws {
        try await Self.withUnguardedTrail { pool in
            let anchor = try #require(try await AuditTrail.verify(on: pool).anchor)
            #expect(AuditAnchor(anchor.description) == anchor)
            try await Self.append(1, on: pool)
            #expect(try await AuditTrail.verify(on: pool, anchor: anchor).isIntact)

            try await pool.execute("DELETE FROM audit_entries")
            try await pool.execute(
                "UPDATE audit_head SET number = 0, digest = decode(repeat('00', 32), 'hex')"
            )
            #expect(try await AuditTrail.verify(on: pool, anchor: anchor).brokenAt == 1)
            try await Self.append(5, on: pool)
            #expect(try await AuditTrail.verify(on: pool).isIntact)
            #expect(try await AuditTrail.verify(on: pool, anchor: anchor).brokenAt == 5)
        }
    }

    @Test(arguments: ["", "5", "5:", ":00", "-1:\(String(repeating: "0", count: 64))", "5:xyz"])
    func whatIsNoAnchorIsNotRead(_ text: String) { #expect(AuditAnchor(text) == nil) }
}
