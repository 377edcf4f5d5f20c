import Determinism
import KafkaClient
import Logging
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing
import TransactionalOutbox

@Suite("I13 I15 the relay may die anywhere", .serialized, .timeLimit(.minutes(3)))
struct RelayDeathTests {
    private static let points = [
        "beforeTickPersisted", "afterTickPersisted", "beforePageProduced", "afterPageProduced",
        "beforePageAcked",
        "afterPageAcked", "beforeRelayAdvanced", "afterRelayAdvanced", "beforeOutboxRotated",
        "afterOutboxRotated",
    ]

    /// A relay process for the world's schema.
    private func startRelay(_ world: OutboxWorld, _ brokers: String, crashAt point: String? = nil)
        async throws -> TestProgram
    {
        let database = world.pool.settings
        let schema = database.schema ?? ""
        let separator = database.conninfo.contains("?") ? "&" : "?"
        var environment = [
            "WAYBILL_OUTBOX_DATABASES":
                "test=\(database.conninfo)\(separator)options=-csearch_path%3D\(schema)",
            "WAYBILL_HTTP_PORT": "0",
            "KAFKA_BROKERS": brokers,
            "KAFKA_SETTINGS": "max.in.flight=1;reconnect.backoff.max.ms=100",
            "WAYBILL_LEASE_SECONDS": "2",
            "WAYBILL_OUTBOX_ROTATION_ROWS": "10",
        ]
        if let point { environment["WAYBILL_CRASH_AT"] = "\(point):exit" }
        return try await TestProgram.start("OutboxRelay", environment: environment, ready: "{")
    }

    private func write(_ world: OutboxWorld, for duration: Duration) async throws {
        let deadline = world.time.uptime + duration
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { try await world.write(until: deadline, keyCount: 12) } }
            try await group.waitForAll()
        }
    }

    private func withBroker(_ body: (String, TopicLog) async throws -> Void) async throws {
        try await TestProgram.with("DevBroker", ["--port", "0", "--topics", "t:4"]) { broker in
            let topic = TopicLog()
            let consumer = try KafkaConsumer(
                KafkaSettings([
                    "bootstrap.servers": broker.address, "group.id": "observer", "session.timeout.ms": "6000",
                    "fetch.wait.max.ms": "10",
                ]),
                topics: ["t"],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
            let following = Task { await topic.follow(consumer) }
            defer { following.cancel() }
            do { try await body(broker.address, topic) } catch {
                await consumer.close()
                throw error
            }
            await consumer.close()
        }
    }

    private func expectEverything(_ world: OutboxWorld, _ topic: TopicLog, _ what: String) async throws {
        let committed = try await world.committed()
        try await eventually(within: .seconds(30), "every event on the topic, \(what)") {
            topic.log.findings(committed).lost == 0
        }
        let findings = topic.log.findings(committed)
        findings.report("relay process, \(what)")
        #expect(findings.isClean && topic.differences == 0, "\(what): \(findings)")
    }

    /// One outbox and one topic for all points: each death must leave what came before it whole, too.
    @Test func atEveryFaultPoint() async throws {
        try await OutboxWorld.with { world in
            try await withBroker { brokers, topic in
                for point in Self.points {
                    let doomed = try await startRelay(world, brokers, crashAt: point)
                    try await write(world, for: .milliseconds(300))
                    #expect(try await doomed.exit() == .exited(137), "\(point) was not reached")
                    let successor = try await startRelay(world, brokers)
                    try await write(world, for: .milliseconds(200))
                    try await expectEverything(world, topic, point)
                    #expect(try await successor.terminate() == .exited(0), "\(successor.output)")
                }
            }
        }
    }

    @Test func killedAtRandomMoments() async throws {
        try await OutboxWorld.with { world in
            try await withBroker { brokers, topic in
                async let writing: Void = write(world, for: .seconds(8))
                for _ in 0..<4 {
                    let relay = try await startRelay(world, brokers)
                    try await world.time.sleep(
                        for: .milliseconds(300 + Int(world.random.uniform(below: 1_500)))
                    )
                    #expect(await relay.kill() == .signalled(9))
                }
                let last = try await startRelay(world, brokers)
                try await writing
                try await expectEverything(world, topic, "4 times kill -9")
                #expect(try await last.terminate() == .exited(0))
            }
        }
    }

    /// Two processes; the leader is asked to stop under load. Its lease outlasts the test unless it is released.
    @Test func sigtermDrainsAndHandsOver() async throws {
        try await OutboxWorld.with { world in
            try await withBroker { brokers, topic in
                let first = try await startRelay(world, brokers)
                try await first.line { $0.contains("leading") }
                let second = try await startRelay(world, brokers)
                async let writing: Void = write(world, for: .seconds(2))
                try await world.time.sleep(for: .seconds(1))
                #expect(try await first.terminate() == .exited(0))
                try await second.line(within: .seconds(5)) { $0.contains("leading") }
                try await writing
                try await expectEverything(world, topic, "SIGTERM and failover")
                #expect(topic.log.findings(try await world.committed()).repeats == 0)
                #expect(try await second.terminate() == .exited(0))
            }
        }
    }
}
