import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import TransactionalOutbox

@Suite("A tick's position", .timeLimit(.minutes(1)))
struct TickStoreTests {
    private static let forgeIncarnation: Statement = "UPDATE outbox_tick SET incarnation = '1/00000001'"
    private static let restoreFromTheFuture: Statement = """
        UPDATE outbox SET tx = (tx::text::bigint + 1000000000)::text::xid8 WHERE key = $1
        """

    private func read(_ world: OutboxWorld, _ log: FakeLog, epoch: Int64) async throws {
        try await TickReader(world: world, log: log, epoch: epoch).run { true }
    }

    @Test func eventsArriveAsTheyWereAppended() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            let sent = try OutboxEvent(
                id: "ü.1",
                topic: "täglich",
                key: "k\u{1F600}",
                version: .max,
                headers: [("a", ""), ("", "b"), ("a", "{\"x\",}")],
                payload: [0, 255, 34, 92, 0]
            )
            try await world.transact { try Outbox.append(sent, in: $0) }
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let row = try #require(try await ticks.page(of: tick, after: tick.lastID).first)
            #expect(row.topic == sent.topic && row.key == sent.key && row.version == sent.version)
            #expect(row.headers == PackedTexts(["a", "", "", "b", "a", "{\"x\",}"]))
            #expect(row.payload == sent.payload)
        }
    }

    @Test func pagesAreLimitedByRowsAndByBytes() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            for number in 0..<10 { try await world.change("k\(number)", byteCount: 1_000) }
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let byRows = PageLimits(rowCount: 3, byteCount: 1 << 20)
            #expect(try await ticks.page(of: tick, after: tick.lastID, limits: byRows).count == 3)
            let byBytes = PageLimits(rowCount: 100, byteCount: 2_500)
            #expect(try await ticks.page(of: tick, after: tick.lastID, limits: byBytes).count == 3)
            // One row is always read, whatever its size.
            let tiny = PageLimits(rowCount: 100, byteCount: 1)
            #expect(try await ticks.page(of: tick, after: tick.lastID, limits: tiny).count == 1)
        }
    }

    /// Small rows come without their sizes being added up; one that is larger than its share changes that until it is past.
    @Test func nothingIsLeftOutAroundALargeRow() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            let sizes = [10, 20, 5_000, 10, 0, 30, 4_000, 4_000, 4_000, 40, 60, 70, 80, 90, 100]
            for (number, size) in sizes.enumerated() { try await world.change("k\(number)", byteCount: size) }
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let limits = PageLimits(rowCount: 3, byteCount: 6_000)
            var (read, hints, isMore) = ([OutboxRow](), [Bool](), true)
            while isMore {
                let page = try await ticks.page(of: tick, after: read.last?.id ?? tick.lastID, limits: limits)
                #expect(page.dropLast().reduce(0) { $0 + $1.payload.count } < limits.byteCount)
                hints.append(ticks.largeRows.wereRead)
                read += page
                isMore = limits.areReached(by: page)
            }
            #expect(read.map(\.key) == (0..<15).map { "k\($0)" })
            #expect(zip(read, sizes).allSatisfy { $0.payload.count >= $1 })
            #expect(hints.contains(true) && hints.first == true && hints.last == false)
        }
    }

    @Test func theSameEpochMayGoOnAfterAFailure() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            try await world.change("a")
            let start = try await ticks.adopt(epoch: 3)
            let tick = try #require(try await ticks.begin(after: start))
            #expect(try await ticks.adopt(epoch: 3) == tick)
        }
    }

    @Test("I33 every write of a former leader is refused") func formerLeadersAreFenced() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            try await world.change("a")
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let next = try await ticks.adopt(epoch: 2)
            #expect(next.to == tick.to && next.from == tick.from && next.lastID == tick.lastID)
            await #expect(throws: TickFailure.fenced) { try await ticks.adopt(epoch: 1) }
            await #expect(throws: TickFailure.fenced) { try await ticks.begin(after: start) }
            await #expect(throws: TickFailure.fenced) { try await ticks.advance(tick, to: 9) }
            await #expect(throws: TickFailure.fenced) { try await ticks.end(tick) }
            await #expect(throws: TickFailure.fenced) {
                try await ticks.park([1], reason: "r", by: start.leader)
            }
            await #expect(throws: TickFailure.fenced) {
                try await ticks.unpark("a", through: 9, by: start.leader)
            }
            #expect(try await ticks.adopt(epoch: 2) == next)
            #expect(try await ticks.parkedCount() == 0)
        }
    }

    /// After a crash of the server the position may be an earlier one than the leader thinks.
    @Test func anotherTickIsNotMovedOn() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            try await world.change("a")
            let start = try await ticks.adopt(epoch: 1)
            let first = try #require(try await ticks.begin(after: start))
            let between = try await ticks.end(first)
            try await world.change("b")
            let second = try #require(try await ticks.begin(after: between))
            await #expect(throws: TickFailure.fenced) { try await ticks.advance(first, to: 99) }
            await #expect(throws: TickFailure.fenced) { try await ticks.end(first) }
            #expect(try await ticks.adopt(epoch: 1) == second)
        }
    }

    @Test func anotherIncarnationPublishesEverythingThatIsLeft() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            for key in ["a", "b", "a"] { try await world.change(key) }
            try await read(world, log, epoch: 1)
            #expect(log.count == 3)
            _ = try await world.pool.execute(Self.forgeIncarnation)
            // As after a restore into a server whose transactions have not come that far.
            #expect(try await world.pool.execute(Self.restoreFromTheFuture, "b") == 1)
            try await world.change("b")
            try await read(world, log, epoch: 2)
            let findings = log.findings(try await world.committed())
            #expect(findings.isClean && findings.repeats == 3 && log.count == 7, "\(findings)")
            // The same incarnation again repeats nothing.
            try await read(world, log, epoch: 3)
            #expect(log.count == 7)
        }
    }

    @Test("I19 the age of the oldest unpublished row") func ageOfTheOldest() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            #expect(try await ticks.unpublishedAgeSeconds() == 0)
            for key in ["a", "b"] { try await world.change(key) }
            _ = try await world.pool.execute(
                "UPDATE outbox SET created_at = created_at - interval '90 s' WHERE key = 'a'"
            )
            _ = try await world.pool.execute(
                "UPDATE outbox SET created_at = created_at - interval '30 s' WHERE key = 'b'"
            )
            func age() async throws -> Int64 { try await ticks.unpublishedAgeSeconds() }
            #expect(try await (89...95).contains(age()))
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            #expect(try await (89...95).contains(age()))
            let rows = try await ticks.page(of: tick, after: tick.lastID)
            try await ticks.advance(tick, to: rows[0].id)
            #expect(try await (29...35).contains(age()))
            try await ticks.advance(tick, to: rows[1].id)
            #expect(try await age() == 0)
            try await world.change("c")
            _ = try await world.pool.execute(
                "UPDATE outbox SET created_at = created_at - interval '50 s' WHERE key = 'c'"
            )
            #expect(try await (49...55).contains(age()))
        }
    }

    @Test func parkedRowsKeepTheirOrderAndAreForgottenOneByOne() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            let start = try await ticks.adopt(epoch: 1)
            for key in ["a", "b", "a", "a"] { try await world.change(key) }
            try await ticks.park([4, 1], reason: "waits", by: start.leader)
            try await ticks.park([1, 3], reason: "too large", by: start.leader)
            #expect(try await ticks.parkedKeys() == ["a"])
            #expect(try await ticks.parkedRows(of: "a", after: 0).map(\.version) == [1, 2, 3])
            try await ticks.unpark("a", through: 3, by: start.leader)
            #expect(try await ticks.parkedRows(of: "a", after: 0).map(\.id) == [4])
            try await ticks.unpark("a", through: 4, by: start.leader)
            #expect(try await ticks.parkedKeys().isEmpty)
        }
    }

    @Test func requestsAreServedInTheirOrderAndOnce() async throws {
        try await OutboxWorld.with { world in
            let ticks = TickStore(world.pool)
            let start = try await ticks.adopt(epoch: 1)
            let first = try await ticks.submit(.republish, key: "a", since: nil)
            let second = try await ticks.submit(.unpark, key: nil, since: SystemTime().now)
            #expect(try await ticks.result(of: first) == nil)
            let request = try #require(try await ticks.nextRequest())
            #expect(request.id == first && request.kind == .republish && request.key == "a")
            try await ticks.finish(first, result: "done", by: start.leader)
            try await ticks.finish(first, result: "again", by: start.leader)
            #expect(try await ticks.result(of: first) == "done")
            #expect(try await ticks.nextRequest()?.id == second)
        }
    }

    @Test func tooLargeAPayloadIsRefusedWhenItIsMade() throws {
        let payload = [UInt8](repeating: 0, count: OutboxEvent.payloadBytesLimit + 1)
        #expect(throws: OversizeEvent.self) {
            try OutboxEvent(id: "1", topic: "t", key: "k", version: 1, headers: [], payload: payload)
        }
    }
}
