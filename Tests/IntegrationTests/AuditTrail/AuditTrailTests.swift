import AuditTrail
import Digests
import PostgresClient
import TestSupport
import Testing

@Suite("I58 the audit trail shows every change of itself")
struct AuditTrailTests {
    private static func entry(_ number: Int) -> AuditEntry {
        AuditEntry(
            actor: "cli:ada",
            action: "test.done",
            subject: "thing \(number % 3)",
            reason: "number \(number)",
            before: number.isMultiple(of: 2) ? nil : #"{"number": \#(number)}"#,
            after: "[\(number)]"
        )
    }

    /// A schema with a trail of `count` records, one commit each.
    private static func withTrail(_ count: Int, _ body: (PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.withSchema { pool in
            try await Migrator.migrate(
                [Migration(number: 1, name: "audit", sql: AuditTrail.schema)],
                on: pool
            )
            for number in 0..<count { try await AuditTrail.append(entry(number), on: pool) }
            try await body(pool)
        }
    }

    @Test func anUntouchedTrailHolds() async throws {
        try await Self.withTrail(5) { pool in
            let verdict = try await AuditTrail.verify(on: pool)
            #expect(verdict.isIntact && verdict.count == 5 && verdict.anchor?.count == 5)
            let records = try await AuditTrail.records(on: pool)
            #expect(records.map(\.number) == [1, 2, 3, 4, 5])
            #expect(records.map(\.entry) == (0..<5).map(Self.entry))
            #expect(try await AuditTrail.records(subject: "thing 1", on: pool).map(\.number) == [2, 5])
            #expect(try await AuditTrail.records(after: 3, limit: 1, on: pool).map(\.number) == [4])
        }
    }

    @Test func anEmptyTrailHolds() async throws {
        try await Self.withTrail(0) { pool in
            let verdict = try await AuditTrail.verify(on: pool)
            #expect(verdict.isIntact && verdict.count == 0)
        }
    }

    @Test func aLongTrailIsReadInPages() async throws {
        try await Self.withTrail(0) { pool in
            try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) in
                try await AuditTrail.append((0..<2_345).map(Self.entry), in: tx)
            }
            #expect(try await AuditTrail.verify(on: pool).count == 2_345)
        }
    }

    @Test func writersAtTheSameTimeMakeOneChain() async throws {
        try await Self.withTrail(0) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<6 {
                    group.addTask {
                        for number in 0..<10 {
                            try await AuditTrail.append(Self.entry(writer * 10 + number), on: pool)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let verdict = try await AuditTrail.verify(on: pool)
            #expect(verdict.isIntact && verdict.count == 60)
        }
    }

    @Test func whatRollsBackLeavesNoGap() async throws {
        struct Refusal: Error {}
        try await Self.withTrail(1) { pool in
            await #expect(throws: (any Error).self) {
                try await pool.withTransaction { (tx: borrowing Transaction) async throws in
                    try await AuditTrail.append(Self.entry(7), in: tx)
                    throw Refusal()
                }
            }
            try await AuditTrail.append(Self.entry(8), on: pool)
            #expect(try await AuditTrail.verify(on: pool).count == 2)
        }
    }

    @Test(
        arguments: [
            "UPDATE audit_entries SET reason = 'another'", "DELETE FROM audit_entries WHERE number = 2",
            "TRUNCATE audit_entries", "DELETE FROM audit_head", "TRUNCATE audit_head",
            "UPDATE audit_head SET number = 1", "UPDATE audit_head SET digest = sha256('x')",
        ] as [Statement]
    )
    func whatIsWrittenStays(_ statement: Statement) async throws {
        try await Self.withTrail(3) { pool in
            let failure = await #expect(throws: DatabaseError.self) { try await pool.execute(statement) }
            guard case .refused("42501", _, _) = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
            let verdict = try await AuditTrail.verify(on: pool)
            #expect(verdict.isIntact && verdict.count == 3)
        }
    }

    @Test(arguments: [
        AuditEntry(actor: "", action: "a", subject: "s", reason: "r"),
        AuditEntry(actor: "a", action: "", subject: "s", reason: "r"),
        AuditEntry(actor: "a", action: "a", subject: "s", reason: "r", before: "not JSON"),
        AuditEntry(actor: "a", action: "a", subject: "s", reason: "r", after: "{"),
    ])
    func whatSaysNothingIsRefused(_ entry: AuditEntry) async throws {
        try await Self.withTrail(1) { pool in
            await #expect(throws: DatabaseError.self) { try await AuditTrail.append(entry, on: pool) }
            let verdict = try await AuditTrail.verify(on: pool)
            #expect(verdict.isIntact && verdict.count == 1)
        }
    }
}
