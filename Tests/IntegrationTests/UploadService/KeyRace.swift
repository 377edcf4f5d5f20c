import FaultPoints
import PostgresClient
import Synchronization
import TestSupport

@testable import UploadService

/// Many clients that send one request each until they have its answer, the number of the effect. Some requests stall until
/// another takes over, some die before or after they commit.
struct KeyRace: Sendable {
    /// What stands between a request and its effect.
    enum Guard: Sendable, CaseIterable {
        case claims
        /// As it is done naively: look whether there is an answer, do the work, store the answer.
        case checkThenInsert
        /// Keys are claimed, but whoever had the claim may commit.
        case claimsWithoutEpoch
    }

    private static let tables: [Statement] = [
        "CREATE TABLE effects (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, key text NOT NULL)",
        "CREATE TABLE answers (key text NOT NULL, id bigint NOT NULL)",
    ]
    private static let effect: Statement = "INSERT INTO effects (key) VALUES ($1) RETURNING id"
    private static let answer: Statement = "INSERT INTO answers (key, id) VALUES ($1, $2)"
    private static let answered: Statement = "SELECT id FROM answers WHERE key = $1"
    private static let runOut: Statement =
        "UPDATE idempotency_keys SET locked_until = clock_timestamp() WHERE key = $1 AND state = 'RUNNING'"
    private static let isTakenOver: Statement = "SELECT 1 FROM idempotency_keys WHERE key = $1 AND epoch > $2"
    private static let finishAnyway: Statement = """
        UPDATE idempotency_keys SET state = 'DONE', status = 200, body = $2, finished_at = now() WHERE key = $1
        """
    private static let census: Statement = "SELECT count(*), count(DISTINCT key) FROM effects"

    let kind: Guard
    let pool: PostgresPool
    let keys: IdempotencyKeys
    let chance: Chance

    init(_ kind: Guard, _ pool: PostgresPool, seed: UInt64) async throws {
        self.kind = kind
        self.pool = pool
        keys = IdempotencyKeys(pool: pool, lease: .seconds(60), faults: NoFaults())
        chance = Chance(seed: seed)
        for table in Self.tables { try await pool.execute(table) }
    }

    /// - Returns: effects, keys that have one, and keys whose clients were not all told the same.
    func run(keyCount: Int, clientCount: Int) async throws -> (effects: Int, keys: Int, contradictions: Int) {
        let contradictions = try await withThrowingTaskGroup(of: Bool.self) { group in
            var count = 0
            for number in 0..<keyCount {
                if number >= 12 { count += try await group.next() == true ? 1 : 0 }
                group.addTask { try await answers(to: "key-\(number)", clientCount).count != 1 }
            }
            for try await isContradiction in group { count += isContradiction ? 1 : 0 }
            return count
        }
        let row = try await pool.query(Self.census).only()
        return (try row.int(0), try row.int(1), contradictions)
    }

    private func answers(to key: String, _ clientCount: Int) async throws -> Set<Int64> {
        try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<clientCount { group.addTask { try await send(key) } }
            return try await group.reduce(into: []) { $0.insert($1) }
        }
    }

    private func send(_ key: String) async throws -> Int64 {
        var answer: Int64?
        try await eventually(within: .seconds(60), "\(key) is answered") {
            answer = try await kind == .checkThenInsert ? checkThenInsert(key) : claim(key)
            return answer != nil
        }
        return answer ?? 0
    }

    private func checkThenInsert(_ key: String) async throws -> Int64? {
        if let row = try await pool.query(Self.answered, key).first { return try row.int64(0) }
        return try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Int64 in
            let id = try await tx.query(Self.effect, key).only().int64(0)
            try await tx.execute(Self.answer, key, id)
            return id
        }
    }

    private func claim(_ key: String) async throws -> Int64? {
        let slot = KeySlot(
            owner: Owner(tenant: "acme", name: "ann"),
            key: try IdempotencyKey(key),
            fingerprint: RequestFingerprint([key])
        )
        do {
            switch try await keys.claim(slot) {
            case .answered(let answer): return Int64(answer.body)
            case .claimed(let claim): return try await serve(key, claim)
            }
        } catch KeyFailure.inUse {
            if chance.oneIn(4) { try await pool.execute(Self.runOut, key) }
            return nil
        }
    }

    private func serve(_ key: String, _ claim: KeyClaim) async throws -> Int64? {
        if chance.oneIn(6) { return nil }
        if chance.oneIn(3) {
            try await pool.execute(Self.runOut, key)
            try? await eventually(within: .milliseconds(300)) {
                try await !pool.query(Self.isTakenOver, key, claim.epoch).isEmpty
            }
        }
        do {
            let id = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Int64 in
                let id = try await tx.query(Self.effect, key).only().int64(0)
                if kind == .claims {
                    try await KeyedAnswer<Int64>(claim: claim) { try StoredAnswer($0) }.store(id, in: tx)
                } else {
                    try await tx.execute(Self.finishAnyway, key, "\(id)")
                }
                return id
            }
            return chance.oneIn(6) ? nil : id
        } catch { return try await keys.release(claim).flatMap { Int64($0.body) } }
    }
}

/// Seeded, and shared by tasks: what comes to which task differs, the odds do not.
final class Chance: Sendable {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func oneIn(_ count: UInt64) -> Bool {
        generator.withLock { UInt64.random(in: 0..<count, using: &$0) == 0 }
    }
}

/// The work in hand dies now and then, at any point a request with a key passes.
final class RandomDeaths: Faults {
    private static let points: Set<FaultPoint> = [
        .beforeKeyClaimed, .afterKeyClaimed, .beforeKeyReleased, .afterKeyReleased, .beforeUploadReserved,
        .afterUploadReserved, .beforeObjectPut, .afterObjectPut, .beforeUploadCommitted,
        .afterUploadCommitted,
        .beforeDeleteMarked, .afterDeleteMarked,
    ]

    let chance: Chance
    private let oneIn: UInt64

    init(oneIn: UInt64, seed: UInt64) {
        self.oneIn = oneIn
        chance = Chance(seed: seed)
    }

    func reach(_ point: FaultPoint) throws(InjectedCrash) {
        guard Self.points.contains(point), chance.oneIn(oneIn) else { return }
        throw InjectedCrash(point: point)
    }
}
