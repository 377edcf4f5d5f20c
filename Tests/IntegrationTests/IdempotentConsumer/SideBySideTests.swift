import IdempotentConsumer
import IdempotentInbox
import KafkaClient
import ServiceBootstrap
import TestSupport
import Testing

@Suite("I24 I26 partitions side by side, each in its order", .timeLimit(.minutes(2)))
struct SideBySideTests {
    private static let keys = (0..<8).map { "k\($0)" }
    private static let eventsPerKey = 40

    /// While one record holds everything up, the others pile up behind it: all partitions come at once then.
    @Test(arguments: [1, 3]) func asManyAsAllowed(width: Int) async throws {
        try await MendableWorld.with { world in
            let cluster = try MockCluster(topics: ["t": 4])
            let producer = try cluster.producer()
            let loop = makeLoop(world, cluster, width: width)
            let running = Task { try await loop.run() }
            defer { running.cancel() }
            let events = (0..<Self.eventsPerKey).map(String.init)
            #expect(await producer.produce([record("k0", world.handler.slow)]).areAllAcked)
            try await eventually("one is at work") { world.handler.isRunning }
            let records = events.flatMap { event in Self.keys.map { record($0, event) } }
            #expect(await producer.produce(records).areAllAcked)
            await producer.close(flushLimit: .seconds(5))
            try await eventually("the others wait") { loop.figures.snapshot.lag == Int64(records.count + 1) }
            world.handler.gate.open()

            try await eventually(within: .seconds(60), "everything is applied") {
                try await world.effects().count == records.count + 1
            }
            let effects = try await world.effects()
            #expect(effects.first == "k0:\(world.handler.slow)")
            for key in Self.keys {
                let expected = events.map { "\(key):\($0)" }
                #expect(effects.dropFirst().filter { $0.hasPrefix("\(key):") } == expected)
            }
            let most = world.handler.mostRunning
            #expect(width == 1 ? most == 1 : (2...width).contains(most))
            #expect(try await world.parked().isEmpty)
        }
    }

    /// More of one partition than a transaction takes: what is wrong with one record is the matter of its own transaction.
    @Test func aLongRowOfRecordsIsAppliedInTurn() async throws {
        try await MendableWorld.with { world in
            let cluster = try MockCluster(topics: ["t": 1])
            let producer = try cluster.producer()
            let loop = makeLoop(world, cluster, width: 3)
            let running = Task { try await loop.run() }
            defer { running.cancel() }
            #expect(await producer.produce([record("k", world.handler.slow)]).areAllAcked)
            try await eventually("one is at work") { world.handler.isRunning }
            world.handler.breaks(at: "1500")
            let texts = (0..<2_500).map(String.init)
            #expect(await producer.produce(texts.map { record("k\($0)", $0) }).areAllAcked)
            await producer.close(flushLimit: .seconds(5))
            try await eventually("the others wait") { loop.figures.snapshot.lag == Int64(texts.count + 1) }
            world.handler.gate.open()

            try await eventually(within: .seconds(60), "everything is applied or parked") {
                try await world.effects().count == texts.count
            }
            let expected = texts.filter { $0 != "1500" }.map { "k\($0):\($0)" }
            #expect(try await world.effects() == ["k:\(world.handler.slow)"] + expected)
            #expect(try await world.parkedOffsets() == [1_501])
            #expect(world.handler.largestBatch == 1_000)
        }
    }

    private func makeLoop(
        _ world: MendableWorld,
        _ cluster: MockCluster,
        width: Int
    ) -> ConsumerLoop<MendableEffects> {
        ConsumerLoop(
            consumer: "c",
            topics: ["t"],
            settings: .consumer(brokers: cluster.bootstrap, group: "c"),
            width: width,
            handler: world.handler,
            pool: world.pool,
            time: SystemTime(),
            random: SystemRandom(),
            logger: quietLogger
        )
    }

    private func record(_ key: String, _ event: String) -> ProducerRecord {
        ProducerRecord(topic: "t", key: Array(key.utf8), value: Array(event.utf8))
    }
}
