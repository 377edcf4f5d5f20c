import Determinism
import FaultPoints
import KafkaClient
import Leases
import Logging
import PostgresClient
import ServiceBootstrap
import ServiceLifecycle
import Synchronization
import TestSupport
import TransactionalOutbox

@testable import OutboxRelay

/// One relay, wired as the program wires it.
final class RunningRelay: Sendable {
    let figures: RelayFigures
    private let group: ServiceGroup
    private let task: Task<Void, any Error>
    private let producers: ProducerList

    /// - Parameter kafka: over the settings for the mock cluster; one request in flight, because the mock neither
    ///   drops repeats nor refuses what comes after a refused batch.
    init(
        _ world: OutboxWorld,
        _ cluster: MockCluster,
        kafka: [String: String] = [:],
        limits: PageLimits = PageLimits(),
        rotation: TickStore.RotationLimits = TickStore.RotationLimits(),
        leaseTTL: Duration = .seconds(10),
        pollInterval: Duration = .milliseconds(100),
        faults: any Faults = NoFaults()
    ) {
        let (figures, producers) = (RelayFigures(), ProducerList())
        let settings = [
            "bootstrap.servers": cluster.bootstrap, "enable.gapless.guarantee": "true", "max.in.flight": "1",
            "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100", "retry.backoff.ms": "10",
        ].merging(kafka) { $1 }
        let ticks = TickStore(world.pool)
        let wakeUp = WakeUp(pool: world.pool, time: world.time)
        let loop = RelayLoop(
            outbox: "test",
            ticks: ticks,
            lease: LeaseKeeper(
                "outbox-relay",
                ttl: leaseTTL,
                pool: world.pool,
                time: world.time,
                random: world.random
            ),
            makePublisher: { leader in
                try await Publisher(
                    ticks: ticks,
                    makeProducer: { () throws(KafkaError) in
                        try producers.add(KafkaProducer(KafkaSettings(settings), logger: quietLogger))
                    },
                    recordBytesLimit: settings["message.max.bytes"].flatMap { Int($0) } ?? 1_000_000,
                    limits: limits,
                    leader: leader,
                    faults: faults,
                    figures: figures
                )
            },
            wakeUp: wakeUp,
            rotation: rotation,
            time: world.time,
            faults: faults,
            figures: figures,
            logger: quietLogger,
            pollInterval: pollInterval
        )
        self.figures = figures
        self.producers = producers
        let group = ServiceGroup(services: [wakeUp, loop], logger: quietLogger)
        self.group = group
        task = Task { try await group.run() }
    }

    /// The producers made so far; the last is the one in use.
    var producerCount: Int { producers.all.count }
    var producer: KafkaProducer? { producers.all.last }

    /// As SIGTERM does.
    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await task.value
    }

    /// As a process that vanishes: nothing is drained, the lease is not released.
    func vanish() async {
        task.cancel()
        _ = await task.result
    }
}

final class ProducerList: Sendable {
    private let made = Mutex<[KafkaProducer]>([])
    var all: [KafkaProducer] { made.withLock { $0 } }

    func add(_ producer: KafkaProducer) -> KafkaProducer {
        made.withLock { $0.append(producer) }
        return producer
    }
}

/// A database with an outbox, a broker, and a consumer that sees everything.
struct RelayRig: Sendable {
    let world: OutboxWorld
    let cluster: MockCluster
    let topic: TopicLog

    static func with<Value: Sendable>(_ body: @Sendable (RelayRig) async throws -> Value) async throws
        -> Value
    {
        try await OutboxWorld.with { world in
            try await RelayRig.with(world, body)
        }
    }

    /// A broker of its own for an outbox that may have had another before.
    static func with<Value: Sendable>(
        _ world: OutboxWorld,
        _ body: @Sendable (RelayRig) async throws -> Value
    ) async throws -> Value {
        let rig = RelayRig(world: world, cluster: try MockCluster(topics: ["t": 4]), topic: TopicLog())
        let consumer = try rig.cluster.consumer(group: "observer")
        let following = Task { await rig.topic.follow(consumer) }
        defer { following.cancel() }
        do {
            let value = try await body(rig)
            await consumer.close()
            return value
        } catch {
            await consumer.close()
            throw error
        }
    }

    func write(for duration: Duration, writerCount: Int = 6, keyCount: Int = 30) async throws {
        let deadline = world.time.uptime + duration
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<writerCount {
                group.addTask { try await world.write(until: deadline, keyCount: keyCount) }
            }
            try await group.waitForAll()
        }
    }

    /// Waits until every committed version is on the topic.
    func arrivals(within limit: Duration = .seconds(30)) async throws -> Findings {
        let committed = try await world.committed()
        try await eventually(within: limit, "every event on the topic") {
            topic.log.findings(committed).lost == 0
        }
        return topic.log.findings(committed)
    }

    /// Asks the relay for something and waits for its report.
    func submit(_ kind: OutboxRequest.Kind, key: String? = nil) async throws -> String {
        let ticks = TickStore(world.pool)
        let id = try await ticks.submit(kind, key: key, since: nil)
        try await eventually("the request is served") { try await ticks.result(of: id) != nil }
        return try await ticks.result(of: id) ?? ""
    }
}
