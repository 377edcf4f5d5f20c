import NIOHTTP1
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import UploadService

@Suite("I29 I30 many keys, 16 clients each, stalls and deaths: one effect, one answer")
struct KeyRaceTests {
    @Test func threeHundredKeys() async throws {
        try await race(.claims) { race, seed in
            let result = try await race.run(keyCount: 300, clientCount: 16)
            #expect(result == (300, 300, 0), "seed \(seed)")
        }
    }

    /// The race finds it when a part of the protection is missing.
    @Test(arguments: [KeyRace.Guard.checkThenInsert, .claimsWithoutEpoch])
    func lessIsNotEnough(_ kind: KeyRace.Guard) async throws {
        try await race(kind) { race, seed in
            let result = try await race.run(keyCount: 40, clientCount: 16)
            #expect(result.effects > 40 && result.contradictions > 0, "seed \(seed): \(result)")
        }
    }

    private func race(_ kind: KeyRace.Guard, _ body: (KeyRace, UInt64) async throws -> Void) async throws {
        let seed = SystemRandom().nextUInt64()
        try await TestDatabase.withSchema({ $0.connectionLimit = 12 }) { pool in
            try await Migrator.migrate(Schema.migrations, on: pool)
            try await body(try await KeyRace(kind, pool, seed: seed), seed)
        }
    }

    /// A file is deleted as soon as it is there, so that its name is free for a second one.
    @Test func uploadsAndDeletes() async throws {
        let seed = SystemRandom().nextUInt64()
        let deaths = RandomDeaths(oneIn: 25, seed: seed)
        try await ServiceUnderTest.run {
            $0.faults = deaths
            $0.limits.sagaLease = .seconds(3)
        } _: { service in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<Self.fileCount {
                    if number >= 4 { try await group.next() }
                    group.addTask { try await Self.race(for: "f\(number)", service, deaths.chance) }
                }
                try await group.waitForAll()
            }
            let counts = try await service.pool.query(Self.census).only()
            #expect(try counts.int(0) == Self.fileCount && counts.int(1) == Self.fileCount, "seed \(seed)")
            #expect(try await Set(service.pool.query(Self.versions).map { try $0.int64(0) }) == [2])
            try await service.ledger.settle()
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }

    private static let fileCount = 30
    private static let census: Statement = "SELECT count(*), count(DISTINCT name) FROM files"
    private static let versions: Statement = "SELECT version FROM files"
    private static let runOut: Statement =
        "UPDATE idempotency_keys SET locked_until = clock_timestamp() WHERE key = $1 AND state = 'RUNNING'"

    private static func race(for name: String, _ service: ServiceUnderTest, _ chance: Chance) async throws {
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for client in 0..<16 {
                group.addTask {
                    let stored = try await send(service, name, chance) { key in
                        try await service.upload(name, Array(name.utf8), fields: [key])
                    }
                    if client == 0 {
                        _ = try await send(service, "delete-\(name)", chance) { key in
                            try await service.send(.DELETE, "/api/v1/files/\(stored.id)", fields: [key])
                        }
                    }
                    return stored.id
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(ids.count == 1, "\(name): \(ids)")
    }

    /// Until it is answered with success.
    private static func send(
        _ service: ServiceUnderTest,
        _ key: String,
        _ chance: Chance,
        _ request: ((String, String)) async throws -> Answer
    ) async throws -> Answer {
        var last: Answer?
        try await eventually(within: .seconds(60), key) {
            let answer = try await request(("idempotency-key", key))
            last = answer
            guard answer.status >= 300 else { return true }
            #expect(answer.status == 503 || answer.code == "IDEMPOTENCY_KEY_IN_USE", "\(key): \(answer.text)")
            if chance.oneIn(4) { try await service.pool.execute(runOut, key) }
            return false
        }
        return try #require(last)
    }
}
