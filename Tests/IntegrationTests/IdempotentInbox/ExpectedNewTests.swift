import PostgresClient
import TestSupport
import Testing

@testable import IdempotentInbox

/// One row for each key. Where nothing is expected it is inserted without looking first.
private struct FirstRows: EventHandler {
    private static let insert: Statement = "INSERT INTO firsts (key) VALUES ($1)"
    private static let upsert: Statement = "INSERT INTO firsts (key) VALUES ($1) ON CONFLICT DO NOTHING"
    let expecting = Counter()
    let wary = Counter()
    var breaksWary = false

    /// The key is the subject, the value the event's id.
    func decode(_ record: InboundRecord) -> Decoded<String> {
        let id = String(decoding: record.value ?? [], as: UTF8.self)
        if id == "unreadable" { return .unreadable(reason: "not JSON") }
        return .event(String(decoding: record.key ?? [], as: UTF8.self), id: id)
    }

    func apply(_ keys: [String], in tx: borrowing Transaction) async throws {
        wary.add()
        for key in keys { try await tx.execute(breaksWary ? Self.insert : Self.upsert, key) }
    }

    func applyNew(_ keys: [String], in tx: borrowing Transaction) async throws {
        expecting.add()
        for key in keys { try await tx.execute(Self.insert, key) }
    }
}

@Suite("I24 I33 what is expected to be new, and is not, has no second effect", .timeLimit(.minutes(1)))
struct ExpectedNewTests {
    private static let table: Statement = "CREATE TABLE firsts (key text PRIMARY KEY)"
    private static let keys: Statement = "SELECT key FROM firsts ORDER BY key COLLATE \"C\""

    private struct World {
        let mendable: MendableWorld
        var handler = FirstRows()
        var applier: BatchApplier<FirstRows> {
            BatchApplier(consumer: "c", handler: handler, pool: mendable.pool)
        }

        func apply(_ entries: [(String?, String)], from offset: Int64 = 0, _ claim: PartitionClaim)
            async throws -> BatchCounts
        {
            try await applier.apply(mendable.records(entries, from: offset), claim)
        }

        func keys() async throws -> [String] {
            try await mendable.pool.query(ExpectedNewTests.keys).map { try $0.text(0) }
        }
    }

    private func withWorld(_ body: (World, PartitionClaim) async throws -> Void) async throws {
        try await MendableWorld.with { mendable in
            try await mendable.pool.execute(Self.table)
            try await body(World(mendable: mendable), try await mendable.claim())
        }
    }

    @Test func aRepeatAmongNewOnesIsFoundAndTheNewOnesAreApplied() async throws {
        try await withWorld { world, claim in
            #expect(try await world.apply([("a", "1"), ("b", "2")], claim).applied == 2)
            #expect(world.handler.expecting.count == 1 && world.handler.wary.count == 0)
            let batch = [("c", "3"), ("a", "1"), ("d", "4"), ("d", "4")]
            let mixed = try await world.apply(batch, from: 2, claim)
            #expect(mixed.applied == 2 && mixed.repeated == 2 && mixed.parked == 0)
            #expect(try await world.keys() == ["a", "b", "c", "d"])
            #expect(claim.reached == 6)
            // The inbox refused it before the handler was asked.
            #expect(world.handler.expecting.count == 1 && world.handler.wary.count == 1)
        }
    }

    @Test func afterRepeatsSixteenBatchesAreLookedThrough() async throws {
        try await withWorld { world, claim in
            _ = try await world.apply([("a", "a"), ("a", "a")], claim)
            #expect(!claim.isExpectingNew)
            for number in 1...16 {
                #expect(!claim.isExpectingNew)
                _ = try await world.apply([("k\(number)", "\(number)")], from: Int64(number + 1), claim)
            }
            #expect(claim.isExpectingNew && world.handler.wary.count == 17)
            _ = try await world.apply([("z", "z")], from: 18, claim)
            #expect(world.handler.expecting.count == 1)
        }
    }

    /// The event is new, what it is about is not.
    @Test func aHandlerThatFindsWhatItDidNotExpectIsAskedOnceMore() async throws {
        try await withWorld { world, claim in
            _ = try await world.apply([("a", "1")], claim)
            let counts = try await world.apply([("a", "2"), ("b", "3")], from: 1, claim)
            #expect(counts.applied == 2 && counts.repeated == 0 && counts.parked == 0)
            #expect(try await world.keys() == ["a", "b"])
            #expect(world.handler.expecting.count == 2 && world.handler.wary.count == 1)
            #expect(!claim.isExpectingNew)
        }
    }

    @Test func aViolationThatStaysParksItsRecordAlone() async throws {
        try await withWorld { world, claim in
            var world = world
            world.handler.breaksWary = true
            _ = try await world.apply([("a", "1")], claim)
            let counts = try await world.apply([("b", "2"), ("a", "3"), ("c", "4")], from: 1, claim)
            #expect(counts.applied == 2 && counts.parked == 1)
            #expect(try await world.keys() == ["a", "b", "c"])
            #expect(try await world.mendable.parkedOffsets() == [2])
        }
    }

    @Test func aKeyWithSomethingParkedKeepsItsOrder() async throws {
        try await withWorld { world, claim in
            _ = try await world.apply([("a", "unreadable")], claim)
            #expect(claim.isExpectingNew)
            let counts = try await world.apply([("b", "1"), ("a", "2")], from: 1, claim)
            #expect(counts.applied == 1 && counts.parked == 1)
            #expect(try await world.keys() == ["b"])
            #expect(try await world.mendable.parkedOffsets() == [0, 2])
            #expect(world.handler.expecting.count == 0)
        }
    }

    /// Its events were seen, so its expectation fails before its epoch is looked at.
    @Test func aFormerHolderThatExpectsNewEventsIsFenced() async throws {
        try await withWorld { world, old in
            let new = try await world.mendable.claim()
            #expect(try await world.apply([("a", "1")], new).applied == 1)
            #expect(old.isExpectingNew)
            for entries in [[("a", "1")], [("b", "2")]] {
                await #expect(throws: InboxFailure.fenced) { try await world.apply(entries, old) }
            }
            #expect(try await world.keys() == ["a"])
            #expect(world.handler.expecting.count == 1 && world.handler.wary.count == 0)
        }
    }

    /// What must not be done about the violation: to take the batch for one that was applied before.
    @Test func takingAViolationForARepeatOfAllLosesWhatIsNew() async throws {
        try await withWorld { world, claim in
            _ = try await world.apply([("a", "1")], claim)
            let pool = world.mendable.pool
            let batch: [(id: String, key: [UInt8]?)] = [("1", nil), ("lost", nil)]
            await #expect(
                performing: {
                    try await pool.withTransaction { (tx: borrowing Transaction) async throws in
                        _ = try await InboxStore.advance(consumer: "c", claim, to: 3, pastNew: batch, in: tx)
                    }
                },
                throws: { ($0 as? any DatabaseErrorCarrying)?.databaseError?.isUniqueViolation == true }
            )
            try await pool.withTransaction { (tx: borrowing Transaction) async throws in
                try await InboxStore.advance(consumer: "c", claim, to: 3, in: tx)
            }
            #expect(try await world.mendable.claimOffset() == 3)
            #expect(try await pool.query("SELECT 1 FROM inbox WHERE event_id = 'lost'").isEmpty)
        }
    }
}

extension MendableWorld {
    /// Where the next holder would begin.
    fileprivate func claimOffset() async throws -> Int64 {
        try await InboxStore.claim(consumer: "c", topic: "t", partition: 3, on: pool).nextOffset
    }
}
