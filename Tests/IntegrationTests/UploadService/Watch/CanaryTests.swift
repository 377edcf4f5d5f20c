import Determinism
import EventContracts
import FaultPoints
import Foundation
import Logging
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import IndexerService
@testable import UploadService

@Suite(
    "a canary makes its whole way, and what a crash leaves of it goes with the next",
    .timeLimit(.minutes(2))
)
struct CanaryTests {
    private static let makeDue: Statement =
        "UPDATE rounds SET since = clock_timestamp() - interval '2 h', finished_at = NULL"

    private static let tombstones: Statement = "SELECT 1 FROM documents WHERE state = 'PURGED'"

    private func with(
        _ body: @escaping @Sendable (ServiceUnderTest, RestoredWorld, IndexerWorld) async throws -> Void
    ) async throws {
        try await RestoredWorld.with { world in
            try await ThrowawayCluster.with { cluster in
                _ = try await world.serve(cluster, isNew: true) { service in
                    _ = try await service.pool.execute(Self.makeDue)
                    try await IndexerWorld.beside(world.store) { try await body(service, world, $0) }
                }
            }
        }
    }

    @Test func aFullCircleLeavesNothingAndNobodySeesIt() async throws {
        try await with { service, world, indexer in
            let canary = service.wiring.canary(every: .seconds(60))
            #expect(try await service.relaying(to: indexer) { try await canary.turn() })
            #expect(try await !canary.turn(), "it is not due again")
            #expect(try await RoundStore.age(Canary.name, on: service.pool) < .seconds(60))
            #expect(try await RoundStore.unfinished(of: Canary.owner, on: service.pool).isEmpty)
            #expect(try await world.objectCount(under: Canary.owner.tenant) == 0)
            #expect(
                try await service.send(.GET, "\(ServiceUnderTest.files)?state=deleted").text.contains(
                    "canary"
                ) == false
            )
            let told = try await IndexerWorld.answers(on: service.pool).map(\.type)
            #expect(told == [.fileStored, .fileDeleted, .filePurging, .filePurged])
        }
    }

    private static let loseWords: [Statement] = [
        """
        CREATE FUNCTION lose_words() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.search := NULL; RETURN NEW; END $$
        """,
        "CREATE TRIGGER lose BEFORE INSERT OR UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION lose_words()",
    ]

    /// An index that says INDEXED is not enough: its owner's search must have the file.
    @Test(arguments: [true, false])
    func theSearchIsAStation(_ findsIt: Bool) async throws {
        try await with { service, _, indexer in
            for statement in findsIt ? [] : Self.loseWords { _ = try await indexer.pool.execute(statement) }
            try await IndexOverHTTP.serve(indexer.pool) { client in
                let canary = Canary(
                    receive: service.wiring.receive,
                    actions: service.wiring.actions,
                    pool: service.pool,
                    store: service.store,
                    indexer: client,
                    time: SystemTime(),
                    random: SystemRandom(),
                    patience: .seconds(findsIt ? 30 : 5),
                    pause: .milliseconds(100)
                )
                let circle: @Sendable () async throws -> Bool = {
                    try await canary.circle()
                    return true
                }
                if findsIt {
                    let ended = try await service.relaying(to: indexer, circle)
                    #expect(ended)
                    let unfinished = try await RoundStore.unfinished(of: Canary.owner, on: service.pool)
                    #expect(unfinished.isEmpty)
                } else {
                    let stuck = await #expect(throws: Canary.Stuck.self) {
                        try await service.relaying(to: indexer, circle)
                    }
                    #expect(stuck?.description == "the file is not found by a search")
                }
            }
        }
    }

    /// What a circle leaves in the database goes in a month; files of others stay.
    @Test func tombstonesOfLongAgoAreForgotten() async throws {
        try await with { service, _, indexer in
            let canary = service.wiring.canary(every: .seconds(60))
            let ended = try await service.relaying(to: indexer) {
                let ended = try await canary.turn()
                // Without the indexer's answers a canary ends before the last event has come to it.
                try await eventually("the indexer has the tombstone") {
                    try await !indexer.pool.query(Self.tombstones).isEmpty
                }
                return ended
            }
            #expect(ended)
            func count(_ age: Duration) async throws -> Int {
                try await RoundStore.prune(Canary.owner, after: age, limit: 100, on: service.pool)
            }
            let other = try await service.upload("kept.txt").id
            #expect(try await count(Canary.tombstoneAge) == 0)
            let tombstones = CanaryTombstones(
                pool: indexer.pool,
                time: indexer.time,
                random: indexer.random,
                logger: .init(label: "test")
            )
            #expect(try await tombstones.forgetBatch() == 0)
            #expect(try await tombstones.forgetBatch(after: .zero) == 1)
            #expect(try await indexer.pool.query("SELECT 1 FROM documents").isEmpty)
            #expect(try await indexer.pool.query("SELECT 1 FROM removals").isEmpty)
            #expect(try await count(.zero) == 1)
            #expect(try await service.state(of: other) == "AVAILABLE")
            #expect(try await service.pool.query("SELECT 1 FROM files").count == 1)
            #expect(try await service.pool.query("SELECT 1 FROM uploads").count == 1)
        }
    }

    /// A line of `/readyz?verbose`, which does not make the service unready.
    @Test func aLateCanaryIsShown() async throws {
        try await ServiceUnderTest.run({ $0.canaryInterval = .seconds(60) }) { service in
            _ = try await service.pool.execute(Self.makeDue)
            func line() async throws -> String {
                let answer = try await service.send(.GET, "/readyz?verbose", as: nil)
                // At first the checks that are required have not been made.
                guard answer.status == 200 else { return "" }
                return answer.text.split(separator: "\n").first { $0.contains("canary") }.map(String.init)
                    ?? ""
            }
            try await eventually { try await line() == "[-] canary (optional): failing" }
            _ = try await service.pool.execute("UPDATE rounds SET finished_at = clock_timestamp()")
            try await eventually { try await line() == "[+] canary (optional): ok" }
            // Five intervals are not late yet.
            _ = try await service.pool.execute(
                "UPDATE rounds SET finished_at = clock_timestamp() - interval '290 s'"
            )
            #expect(try await line() == "[+] canary (optional): ok")
        }
    }

    /// The process dies while its file waits to be indexed.
    @Test func whatACrashLeavesIsClearedFirst() async throws {
        try await with { service, world, indexer in
            let dying = Task { try await service.wiring.canary(every: .seconds(60)).turn() }
            try await eventually("the file is stored") {
                try await !RoundStore.unfinished(of: Canary.owner, on: service.pool).isEmpty
            }
            dying.cancel()
            _ = await dying.result
            #expect(try await world.objectCount(under: Canary.owner.tenant) == 1)
            #expect(
                try await RoundStore.age(Canary.name, on: service.pool) > .seconds(3_600),
                "no circle was closed"
            )
            _ = try await service.pool.execute("UPDATE leases SET expires = '-infinity'")
            let next = service.wiring.canary(every: .seconds(60))
            #expect(try await service.relaying(to: indexer) { try await next.turn() })
            #expect(try await world.objectCount(under: Canary.owner.tenant) == 0)
        }
    }
}

extension RestoredWorld {
    func objectCount(under tenant: String) async throws -> Int {
        try await store.list(prefix: "\(tenant)/", startAfter: nil, continuationToken: nil, limit: 10).objects
            .count
    }
}

extension ServiceUnderTest {
    /// Carries events to the indexer and its answers back, until `body` returns.
    func relaying(
        to indexer: IndexerWorld,
        _ body: @escaping @Sendable () async throws -> Bool
    ) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await relay(to: indexer)
                return false
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    private func relay(to indexer: IndexerWorld) async throws {
        var (told, answered) = (0, 0)
        let handler = IndexReplies(doorbell: wiring.doorbell, faults: NoFaults())
        while !Task.isCancelled {
            let events = try await IndexerWorld.answers(on: pool)
            try await indexer.apply(Array(events.dropFirst(told)))
            told = events.count
            try await indexer.driveDue()
            let answers = Array(try await indexer.answers().dropFirst(answered))
            answered += answers.count
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try await handler.apply(answers, in: tx)
            }
            try await wiring.surroundings.time.sleep(for: .milliseconds(50))
        }
    }
}
