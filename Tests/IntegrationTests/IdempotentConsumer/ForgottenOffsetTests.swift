import IdempotentConsumer
import KafkaClient
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import IdempotentInbox

@Suite("I21 I24 what the database has forgotten is read again", .timeLimit(.minutes(1)))
struct ForgottenOffsetTests {
    /// What a replica that is behind by two events does not have.
    private static let forget: [Statement] = [
        "DELETE FROM effects WHERE text IN ('2', '3')", "DELETE FROM inbox WHERE event_id IN ('k/2', 'k/3')",
        "UPDATE consumer_offsets SET next_offset = 1",
    ]

    private func forget(in world: MendableWorld) async throws {
        _ = try await world.pool.pipeline(Self.forget.map { BoundStatement($0) })
    }

    /// Also where it is parked at once, or after it was refused alone.
    @Test func goingOnIsRefused() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            _ = try await world.applier.apply(world.records([("k", "1"), ("k", "2"), ("k", "3")]), claim)
            try await forget(in: world)
            world.handler.breaks(at: "broken")
            world.handler.cannotRead("unreadable")
            for text in ["4", "broken", "unreadable"] {
                await #expect(throws: InboxFailure.fenced) {
                    try await world.applier.apply(world.records([("k", text)], from: 3), claim)
                }
            }
            #expect(try await world.effects() == ["k:1"])
            #expect(try await world.parked().isEmpty)

            // Whoever does not know how far he had come passes over what is gone.
            let unaware = PartitionClaim(topic: "t", partition: 3, epoch: claim.epoch, nextOffset: 0)
            _ = try await world.applier.apply(world.records([("k", "4")], from: 3), unaware)
            #expect(try await world.effects() == ["k:1", "k:4"])
        }
    }

    @Test func withTheNextRecordOfThePartition() async throws {
        try await MendableWorld.with { world in
            let cluster = try MockCluster(topics: ["t": 1])
            let producer = try cluster.producer()
            let loop = ConsumerLoop(
                consumer: "c",
                topics: ["t"],
                settings: .consumer(brokers: cluster.bootstrap, group: "c"),
                handler: world.handler,
                pool: world.pool,
                time: SystemTime(),
                random: SystemRandom(),
                logger: quietLogger
            )
            let running = Task { try await loop.run() }
            defer { running.cancel() }
            func produce(_ texts: String...) async {
                let records = texts.map {
                    ProducerRecord(topic: "t", key: Array("k".utf8), value: Array($0.utf8))
                }
                #expect(await producer.produce(records).areAllAcked)
            }
            await produce("1", "2", "3")
            try await eventually("all are applied") { try await world.effects().count == 3 }
            try await forget(in: world)
            await produce("4")
            try await eventually(within: .seconds(30), "all are applied again") {
                try await world.effects() == ["k:1", "k:2", "k:3", "k:4"]
            }
            await producer.close(flushLimit: .seconds(5))
        }
    }
}
