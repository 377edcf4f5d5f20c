import IdempotentInbox
import PostgresClient
import TestSupport
import Testing

/// Effects are rows; what a value says decides what happens.
private struct SpokenEffects: EventHandler {
    struct Refused: Error {}
    struct Entry: Sendable {
        let key: String
        let text: String
    }

    private static let insert: Statement = "INSERT INTO effects (key, text) VALUES ($1, $2)"
    private static let fail: Statement = "SELECT 1 / 0"
    /// Applies called, and events given to them.
    let calls = Counter()

    func decode(_ record: InboundRecord) -> Decoded<Entry> {
        guard let value = record.value else { return .unreadable(reason: "no value") }
        let text = String(decoding: value, as: UTF8.self)
        let key = String(decoding: record.key ?? [], as: UTF8.self)
        switch text.prefix(while: { $0 != " " }) {
        case "unreadable": return .unreadable(reason: "not JSON")
        case "foreign": return .skipped(reason: "another's")
        default: return .event(Entry(key: key, text: text), id: "\(key)/\(text)")
        }
    }

    func apply(_ events: [Entry], in tx: borrowing Transaction) async throws {
        calls.add()
        for event in events {
            try await tx.execute(Self.insert, event.key, event.text)
            if event.text.hasPrefix("poison") { throw Refused() }
            if event.text.hasPrefix("sql") { _ = try await tx.query(Self.fail) }
            if event.text.hasPrefix("busy"), calls.count < 3 { throw DatabaseError.unavailable("try later") }
        }
    }
}

@Suite("I24 I25 I26 records are applied once, superseded or parked", .timeLimit(.minutes(1)))
struct BatchApplierTests {
    private static let effects: Statement = "SELECT key || ':' || text FROM effects ORDER BY id"
    private static let parked: Statement = """
        SELECT record_offset, reason, value, header_names[1], header_values[1] FROM parked_records ORDER BY id
        """
    private static let remembered: Statement = "SELECT event_id FROM inbox ORDER BY event_id COLLATE \"C\""
    private static let nextOffset: Statement = "SELECT next_offset FROM consumer_offsets"

    private struct World {
        let pool: PostgresPool
        let handler = SpokenEffects()
        var applier: BatchApplier<SpokenEffects> { BatchApplier(consumer: "c", handler: handler, pool: pool) }

        func claim() async throws -> PartitionClaim {
            try await InboxStore.claim(consumer: "c", topic: "t", partition: 3, on: pool).claim
        }

        func effects() async throws -> [String] {
            try await pool.query(BatchApplierTests.effects).map { try $0.text(0) }
        }

        func parked() async throws -> [Int64] {
            try await pool.query(BatchApplierTests.parked).map { try $0.int64(0) }
        }

        func remembered() async throws -> [String] {
            try await pool.query(BatchApplierTests.remembered).map { try $0.text(0) }
        }

        func nextOffset() async throws -> Int64 {
            try await pool.query(BatchApplierTests.nextOffset).first?.int64(0) ?? -1
        }
    }

    private func withWorld(_ body: (World) async throws -> Void) async throws {
        try await TestDatabase.withSchema { pool in
            let effects =
                "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, key text, text text);"
            let schema = Migration(
                number: 1,
                name: "inbox",
                sql: InboxSchema.version1 + InboxSchema.version2 + effects
            )
            try await Migrator.migrate([schema], on: pool)
            try await body(World(pool: pool))
        }
    }

    private func records(from offset: Int64 = 0, _ entries: (String?, String?)...) -> [InboundRecord] {
        entries.enumerated().map { index, entry in
            InboundRecord(
                topic: "t",
                partition: 3,
                offset: offset + Int64(index),
                key: entry.0.map { Array($0.utf8) },
                value: entry.1.map { Array($0.utf8) },
                headers: [("h", [0, 255])]
            )
        }
    }

    private func counts(applied: Int = 0, repeated: Int = 0, skipped: Int = 0, parked: Int = 0) -> BatchCounts
    {
        var counts = BatchCounts()
        (counts.applied, counts.repeated, counts.skipped, counts.parked) = (
            applied, repeated, skipped, parked
        )
        return counts
    }

    @Test func aBatchIsAppliedInOrderAndRepeatsHaveNoEffect() async throws {
        try await withWorld { world in
            let claim = try await world.claim()
            let batch = records(("a", "1"), ("b", "1"), ("a", "2"), ("a", "1"), ("z", "foreign"))
            #expect(
                try await world.applier.apply(batch, claim) == counts(applied: 3, repeated: 1, skipped: 1)
            )
            #expect(try await world.effects() == ["a:1", "b:1", "a:2"])
            #expect(try await world.nextOffset() == 5)
            #expect(try await world.applier.apply(batch, claim) == counts(repeated: 4, skipped: 1))
            #expect(try await world.effects() == ["a:1", "b:1", "a:2"])
            #expect(world.handler.calls.count == 1)
            #expect(try await world.applier.apply([], claim) == BatchCounts())
        }
    }

    @Test func theUnreadableIsParkedWithItsBytesAndItsKeyWaits() async throws {
        try await withWorld { world in
            let claim = try await world.claim()
            let batch = records(
                ("a", "1"),
                ("a", "unreadable x"),
                ("a", "2"),
                ("b", "1"),
                (nil, nil),
                (nil, "3")
            )
            #expect(try await world.applier.apply(batch, claim) == counts(applied: 3, parked: 3))
            #expect(try await world.effects() == ["a:1", "b:1", ":3"])
            let rows = try await world.pool.query(Self.parked)
            #expect(try rows.map { try $0.int64(0) } == [1, 2, 4])
            #expect(try rows[0].bytes(2) == Array("unreadable x".utf8) && rows[0].text(3) == "h")
            #expect(try rows[0].bytes(4) == [0, 255] && rows[2].isNull(2))
            #expect(try rows[1].text(1) == "waits behind an earlier record of its key")
            // In later batches too; other keys are not held up.
            let later = records(from: 6, ("a", "3"), ("b", "2"))
            #expect(try await world.applier.apply(later, claim) == counts(applied: 1, parked: 1))
            #expect(try await world.parked() == [1, 2, 4, 6])
            // What waits was not applied, so it does not count as seen.
            #expect(try await world.remembered() == ["/3", "a/1", "b/1", "b/2"])
            // Given again, nothing is parked twice.
            _ = try await world.applier.apply(batch + later, claim)
            let parked = try await world.parked()
            #expect(parked == [1, 2, 4, 6])
        }
    }

    /// What fails however often it is tried is found one by one, and parked; its neighbours are applied.
    @Test(arguments: ["poison", "sql"]) func aRecordThatAlwaysFailsIsParkedAlone(kind: String) async throws {
        try await withWorld { world in
            let claim = try await world.claim()
            let batch = records(("a", "1"), ("b", "\(kind) pill"), ("b", "2"), ("c", "1"))
            #expect(try await world.applier.apply(batch, claim) == counts(applied: 2, parked: 2))
            #expect(try await world.effects() == ["a:1", "c:1"])
            #expect(try await world.parked() == [1, 2])
            #expect(try await world.nextOffset() == 4)
            // Together once, then a, five times b, c.
            #expect(world.handler.calls.count == 8)
        }
    }

    /// The parked event was not applied, so its id must not count as seen.
    @Test func aParkedEventIsNotRememberedAsApplied() async throws {
        try await withWorld { world in
            let claim = try await world.claim()
            _ = try await world.applier.apply(records(("b", "poison")), claim)
            #expect(try await world.pool.query("SELECT 1 FROM inbox").isEmpty)
        }
    }

    @Test func troubleWithTheDatabaseIsNeverARecordsFault() async throws {
        try await withWorld { world in
            let claim = try await world.claim()
            let batch = records(("a", "1"), ("b", "busy"))
            for _ in 0..<2 {
                await #expect(throws: InboxFailure.database(.unavailable("try later"))) {
                    try await world.applier.apply(batch, claim)
                }
                #expect(try await world.effects().isEmpty)
                #expect(try await world.nextOffset() == 0)
            }
            #expect(try await world.applier.apply(batch, claim) == counts(applied: 2))
            #expect(try await world.parked().isEmpty)
        }
    }

    @Test("I33 a member that lost the partition changes nothing") func aFormerHolderIsFenced() async throws {
        try await withWorld { world in
            let old = try await world.claim()
            _ = try await world.applier.apply(records(("a", "1")), old)
            let (new, next) = try await InboxStore.claim(
                consumer: "c",
                topic: "t",
                partition: 3,
                on: world.pool
            )
            #expect(new.epoch == old.epoch + 1 && next == 1)
            for text in ["2", "poison", "unreadable"] {
                await #expect(throws: InboxFailure.fenced) {
                    try await world.applier.apply(records(from: 1, ("a", text)), old)
                }
            }
            #expect(try await world.effects() == ["a:1"])
            #expect(try await world.parked().isEmpty)
            #expect(try await world.nextOffset() == 1)
            #expect(try await world.applier.apply(records(from: 1, ("a", "2")), new) == counts(applied: 1))
        }
    }

    @Test func consumersDoNotSeeEachOther() async throws {
        try await withWorld { world in
            let claim = try await world.claim()
            let other = try await InboxStore.claim(consumer: "d", topic: "t", partition: 3, on: world.pool)
                .claim
            let second = BatchApplier(consumer: "d", handler: world.handler, pool: world.pool)
            let batch = records(("a", "unreadable"), ("a", "1"), ("b", "1"))
            #expect(try await world.applier.apply(batch, claim) == counts(applied: 1, parked: 2))
            #expect(try await second.apply(batch, other) == counts(applied: 1, parked: 2))
            #expect(try await InboxStore.parkedCount(consumer: "d", on: world.pool) == 2)
        }
    }

    @Test func oldMemoriesAreForgottenInPortions() async throws {
        try await withWorld { world in
            let claim = try await world.claim()
            _ = try await world.applier.apply(records(("a", "1"), ("a", "2"), ("a", "3")), claim)
            try await world.pool.execute(
                "UPDATE inbox SET seen_at = seen_at - interval '40 days' WHERE event_id <> 'a/3'"
            )
            #expect(try await InboxStore.forget(olderThanDays: 30, limit: 1, on: world.pool) == 1)
            #expect(try await InboxStore.forget(olderThanDays: 30, limit: 10, on: world.pool) == 1)
            #expect(try await InboxStore.forget(olderThanDays: 30, limit: 10, on: world.pool) == 0)
        }
    }
}
