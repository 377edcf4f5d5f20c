import IdempotentInbox
import TestSupport
import Testing

/// Live records, handlers that break and are mended, and replays nobody waits for, all at once.
@Suite("I23 I25 I26 each event has its effect once, in the order of its key", .timeLimit(.minutes(3)))
struct ReplayRaceTests {
    private static let partitionCount: Int32 = 2
    private static let keysPerPartition = 3
    private static let eventsPerKey = 30

    @Test(arguments: [UInt64.random(in: .min ... .max), 26])
    func whateverHappensAtTheSameTime(seed: UInt64) async throws {
        try await MendableWorld.with { world in
            let isRead = Latch()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<2 {
                    tasks.addTask {
                        while !isRead.isSet { _ = try await world.replayAll() }
                    }
                }
                tasks.addTask {
                    var random = SeededGenerator(seed: seed)
                    while !isRead.isSet {
                        world.handler.mend()
                        for _ in 0..<2 { world.handler.breaks(at: Self.event(&random)) }
                        world.handler.cannotRead(Self.event(&random))
                        try await world.ask()
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { readers in
                    for partition in 0..<Self.partitionCount {
                        readers.addTask { try await Self.read(partition, seed, world) }
                    }
                    try await readers.waitForAll()
                }
                isRead.set()
                try await tasks.waitForAll()
            }
            world.handler.mend()
            try await world.ask()
            _ = try await world.replayAll()
            #expect(try await world.parked().isEmpty, "seed \(seed)")
            for (key, effects) in Dictionary(
                grouping: try await world.effects(),
                by: { String($0.prefix(4)) }
            ) {
                #expect(effects == (0..<Self.eventsPerKey).map { "\(key):\($0)" }, "seed \(seed)")
            }
            #expect(try await world.effects().count == 2 * Self.keysPerPartition * Self.eventsPerKey)
        }
    }

    private static func event(_ random: inout SeededGenerator) -> String {
        "\(Int.random(in: 0..<eventsPerKey, using: &random))"
    }

    /// A partition's records in batches of any size; some come twice.
    private static func read(_ partition: Int32, _ seed: UInt64, _ world: MendableWorld) async throws {
        var random = SeededGenerator(seed: seed &+ UInt64(partition))
        var entries: [(String?, String)] = []
        for event in 0..<eventsPerKey {
            for key in (0..<keysPerPartition).shuffled(using: &random) {
                for _ in 0...Int.random(in: 0...1, using: &random) {
                    entries.append(("p\(partition)k\(key)", "\(event)"))
                }
            }
        }
        var claim = try await world.claim(partition)
        var rest = world.records(entries, in: partition)[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Int.random(in: 1...12, using: &random)))
            // A new holder expects that what it reads is new.
            if Bool.random(using: &random) { claim = try await world.claim(partition) }
            _ = try await world.applier.apply(batch, claim)
            rest = rest.dropFirst(batch.count)
        }
    }
}
