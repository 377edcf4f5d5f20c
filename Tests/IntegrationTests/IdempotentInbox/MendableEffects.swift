import AuditTrail
import IdempotentInbox
import PostgresClient
import Synchronization
import TestSupport

/// Effects are rows. What is broken is refused until it is mended, as by a new version of a program.
struct MendableEffects: EventHandler {
    struct Refused: Error {}
    struct Entry: Sendable {
        let key: String
        let text: String
    }

    private struct State {
        var broken: Set<String> = []
        var unreadable: Set<String> = []
        var running = 0
        var mostRunning = 0
        var largestBatch = 0
    }

    private final class Health: Sendable { let state = Mutex(State()) }

    private static let insert: Statement = "INSERT INTO effects (key, text) VALUES ($1, $2)"
    private let health = Health()
    /// Applying this text waits for the gate.
    let slow = "slow"
    let gate = Gate()

    func breaks(at text: String) { health.state.withLock { _ = $0.broken.insert(text) } }
    func cannotRead(_ text: String) { health.state.withLock { _ = $0.unreadable.insert(text) } }
    func mend() { health.state.withLock { ($0.broken, $0.unreadable) = ([], []) } }

    /// How many applied at the same moment, at most.
    var mostRunning: Int { health.state.withLock { $0.mostRunning } }
    /// How many events were applied together, at most.
    var largestBatch: Int { health.state.withLock { $0.largestBatch } }
    var isRunning: Bool { health.state.withLock { $0.running > 0 } }

    func decode(_ record: InboundRecord) -> Decoded<Entry> {
        let text = String(decoding: record.value ?? [], as: UTF8.self)
        let key = String(decoding: record.key ?? [], as: UTF8.self)
        if health.state.withLock({ $0.unreadable.contains(text) }) { return .unreadable(reason: "not JSON") }
        return .event(Entry(key: key, text: text), id: "\(key)/\(text)")
    }

    func isRepeatable(_ event: Entry) -> Bool { event.text.hasPrefix("again") }

    func apply(_ events: [Entry], in tx: borrowing Transaction) async throws {
        health.state.withLock {
            $0.running += 1
            $0.mostRunning = max($0.mostRunning, $0.running)
            $0.largestBatch = max($0.largestBatch, events.count)
        }
        defer { health.state.withLock { $0.running -= 1 } }
        for event in events {
            if event.text == slow { await gate.wait() }
            if health.state.withLock({ $0.broken.contains(event.text) }) { throw Refused() }
            try await tx.execute(Self.insert, event.key, event.text)
        }
    }
}

/// One consumer of one partition, whose handler can be mended.
struct MendableWorld: Sendable {
    private static let effects: Statement = "SELECT key || ':' || text FROM effects ORDER BY id"

    let pool: PostgresPool
    let handler = MendableEffects()
    var applier: BatchApplier<MendableEffects> { BatchApplier(consumer: "c", handler: handler, pool: pool) }
    var replay: ParkedReplay<MendableEffects> { ParkedReplay(consumer: "c", handler: handler, pool: pool) }

    static func with(_ body: (MendableWorld) async throws -> Void) async throws {
        try await TestDatabase.withSchema { pool in
            let effects =
                "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, key text, text text);"
            try await Migrator.migrate(
                [
                    Migration(number: 1, name: "inbox", sql: InboxSchema.version1 + effects),
                    Migration(number: 2, name: "replay", sql: InboxSchema.version2),
                    Migration(number: 3, name: "audit", sql: AuditTrail.schema),
                ],
                on: pool
            )
            try await body(MendableWorld(pool: pool))
        }
    }

    func claim(_ partition: Int32 = 3) async throws -> PartitionClaim {
        try await InboxStore.claim(consumer: "c", topic: "t", partition: partition, on: pool).claim
    }

    /// Consecutive records of one partition: key and text.
    func records(_ entries: [(String?, String)], from offset: Int64 = 0, in partition: Int32 = 3)
        -> [InboundRecord]
    {
        entries.enumerated().map { index, entry in
            InboundRecord(
                topic: "t",
                partition: partition,
                offset: offset + Int64(index),
                key: entry.0.map { Array($0.utf8) },
                value: Array(entry.1.utf8),
                headers: [("h", [0, 255])]
            )
        }
    }

    func effects() async throws -> [String] {
        try await pool.query(Self.effects).map { try $0.text(0) }
    }

    func parked(_ key: String? = nil) async throws -> [ParkedEntry] {
        let selection = ParkedSelection(consumer: "c", key: key.map { Array($0.utf8) })
        return try await InboxStore.parked(selection, limit: 1_000, on: pool)
    }

    /// The offsets of what is parked.
    func parkedOffsets() async throws -> [Int64] { try await parked().map(\.record.offset) }

    @discardableResult
    func ask(_ key: String? = nil) async throws -> [Int64] {
        let selection = ParkedSelection(key: key.map { Array($0.utf8) })
        return try await InboxStore.requestReplay(selection, on: pool)
    }

    /// Tries what was asked for until nothing is left of it.
    func replayAll() async throws -> [ReplayOutcome] {
        var outcomes: [ReplayOutcome] = []
        while let place = try await replay.next() { outcomes.append(try await replay.replay(place)) }
        return outcomes
    }
}
