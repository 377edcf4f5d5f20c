import EventContracts
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing
import TransactionalOutbox

@testable import UploadService

@Suite("I13 a version that is not on the topic is told again")
struct PublicationTests {
    private static let loseOutbox: Statement = "TRUNCATE outbox"
    private static let forgetEvent: Statement = """
        UPDATE files SET version = version + 1, updated_at = updated_at + interval '1 microsecond'
        """
    private static let versions: Statement = """
        SELECT count(*) FILTER (WHERE version = published_version), count(*) FROM files
        """

    /// A service whose sweep has no patience, and a relay.
    private func with(
        _ body: @escaping @Sendable (ServiceUnderTest, PublicationSweep, PassingRelay) async throws -> Void
    ) async throws {
        try await ServiceUnderTest.run({ $0.limits.publicationPatience = .zero }) { service in
            var sweep = service.wiring.publication
            sweep.healInterval = .zero
            try await sweep.store.register()
            try await body(service, sweep, PassingRelay(pool: service.pool))
        }
    }

    /// How many files are noted as published, of how many.
    private func noted(_ service: ServiceUnderTest) async throws -> [Int64] {
        let row = try #require(try await service.pool.query(Self.versions).first)
        return [try row.int64(0), try row.int64(1)]
    }

    @Test func whatIsPublishedIsNoted() async throws {
        try await with { service, sweep, relay in
            for name in ["a", "b", "c"] { try await service.upload(name) }
            #expect(try await noted(service) == [0, 3])
            try await relay.pass()
            #expect(try await sweep.noteAll() == 3)
            #expect(try await noted(service) == [3, 3])
            #expect(try await sweep.noteAll() == 0)
            #expect(try await sweep.heal() == 0)
        }
    }

    @Test func whatIsOnItsWayIsNoGap() async throws {
        try await with { service, sweep, relay in
            try await service.upload("a")
            #expect(try await sweep.heal() == 0)
            try await relay.pass()
            // Published, and not noted yet: the sweep knows that it does not know.
            #expect(try await sweep.heal() == 0)
            try await service.upload("b")
            _ = try await sweep.noteAll()
            #expect(try await sweep.heal() == 0)
            #expect(try await noted(service) == [1, 2])
        }
    }

    @Test func aLostOutboxIsHealedOnce() async throws {
        try await with { service, sweep, relay in
            try await relay.pass()
            let id = try await service.upload("a").id
            let before = try await service.ledger.history(of: id)
            try await service.pool.execute(Self.loseOutbox)
            _ = try await sweep.noteAll()
            let gaps = try await PublicationStore.gaps(
                after: nil,
                olderThan: .zero,
                limit: 10,
                on: service.pool
            )
            #expect(gaps.isEmpty)
            #expect(try await sweep.heal() == 1)
            #expect(try await service.ledger.history(of: id) == before)
            for _ in 0..<3 {
                _ = try await sweep.noteAll()
                #expect(try await sweep.heal() == 0)
            }
            #expect(try await relay.pass().map(\.key) == [id])
            #expect(try await sweep.noteAll() == 1)
            #expect(try await noted(service) == [1, 1])
        }
    }

    @Test func aForgottenEventIsToldAgainByteForByte() async throws {
        try await with { service, sweep, relay in
            let id = try await service.upload("a").id
            let first = try #require(try await relay.pass().first)
            _ = try await sweep.noteAll()
            try await service.pool.execute(Self.forgetEvent)
            #expect(try await sweep.heal() == 1)
            let second = try #require(try await relay.pass().first)
            #expect(second.version == 2 && second.bears("\(id).2"))
            _ = try await sweep.noteAll()
            let republished = try await Republishing(pool: service.pool) { [] }.run(
                RepublishSelection(),
                to: .files,
                by: "test",
                reason: "test"
            )
            #expect(republished.count == 1)
            let third = try #require(try await relay.pass().first)
            #expect(third.payload == second.payload && third.bears("\(id).2"))
            #expect(first.payload != second.payload)
        }
    }

    /// Restored into another server, transaction ids mean something else; until a relay leads there, nothing is known.
    @Test func inAnotherServerNothingIsTakenForLost() async throws {
        try await with { service, sweep, relay in
            try await relay.pass()
            _ = try await sweep.noteAll()
            try await service.upload("a")
            try await service.pool.execute(
                "UPDATE outbox_holds SET snap = '9999999:9999999:', incarnation = 'x/1'"
            )
            try await service.pool.execute(
                "UPDATE outbox_tick SET snap_from = '9999999:9999999:', incarnation = 'x/1'"
            )
            #expect(try await sweep.noteAll() == 0)
            #expect(try await sweep.heal() == 0)
            let canTell = try await PublicationStore.canTell(on: service.pool)
            #expect(!canTell)
            try await relay.pass()
            #expect(try await sweep.noteAll() == 1)
            #expect(try await noted(service) == [1, 1])
        }
    }

    @Test func whatIsParkedWaitsForAnOperator() async throws {
        try await with { service, sweep, relay in
            try await service.upload("a")
            let ticks = TickStore(service.pool)
            let start = try await ticks.adopt(epoch: 1)
            let tick = try #require(try await ticks.begin(after: start))
            let rows = try await ticks.page(of: tick, after: tick.lastID)
            try await ticks.park(rows.map(\.id), reason: "too large", by: start.leader)
            _ = try await ticks.end(tick)
            _ = try await sweep.noteAll()
            #expect(try await noted(service) == [0, 1])
            #expect(try await sweep.heal() == 0)
            // The relay has published them after all: between that and its note nothing is missing either.
            try await ticks.unpark(try #require(rows.first).key, through: .max, by: start.leader)
            #expect(try await sweep.heal() == 0)
            #expect(try await sweep.noteAll() == 1)
            #expect(try await noted(service) == [1, 1])
            #expect(try await sweep.heal() == 0)
            #expect(try await relay.pass().isEmpty)
            #expect(try await sweep.noteAll() == 0)
        }
    }

    /// Uploads and deletes, a relay that turns its partitions all the time, and a sweep without patience: it never takes what
    /// is on its way for lost.
    @Test func nothingIsToldAgainWithoutNeed() async throws {
        try await with { service, sweep, _ in
            let relay = PassingRelay(
                pool: service.pool,
                rotation: TickStore.RotationLimits(rowCount: 0, ageSeconds: 0)
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<12 {
                            let id = try await service.upload("w\(writer).\(number)").id
                            guard number.isMultiple(of: 2) else { continue }
                            try await service.send(.DELETE, "/api/v1/files/\(id)")
                        }
                    }
                }
                group.addTask {
                    for _ in 0..<60 {
                        try await relay.pass()
                        _ = try await sweep.noteAll()
                        #expect(try await sweep.heal() == 0)
                    }
                }
                try await group.waitForAll()
            }
            try await relay.pass()
            _ = try await sweep.noteAll()
            #expect(try await noted(service) == [48, 48])
            #expect(try await sweep.heal() == 0)
        }
    }
}

extension OutboxRow {
    /// Headers are in alphabetical order.
    func bears(_ eventID: String) -> Bool {
        String(decoding: headers.bytes, as: UTF8.self).hasPrefix("ce_id\(eventID)ce_source")
    }
}
