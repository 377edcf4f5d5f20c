import Determinism
import EventContracts
import PostgresClient
import ServiceBootstrap
import TransactionalOutbox

extension Row {
    /// How soon an event is out after its commit, and what the relay takes from those who write. The same consumer looks at both.
    static let relayDelay = Row(
        number: 7,
        title:
            "commit → seen p99 at 1 000 events/s ÷ a 100 ms poller; writers' commits/s with relay ÷ without",
        comparisons: [
            Comparison(
                "commit → seen p99, 1 000 events/s ÷ 100 ms poller",
                unit: "ms",
                "relay p99",
                over: "poller p99",
                better: .less,
                floor: 0.3,
                goal: 0.1
            ),
            Comparison(
                "writers' commits/s with relay ÷ without",
                unit: "/s",
                "with",
                over: "without",
                floor: 0.8,
                goal: 0.95
            ),
            Comparison("commit → seen: median", unit: "ms", "relay p50", better: .less),
        ]
    ) { site in
        let deployment = try await Deployment(at: site)
        let trial = try DelayTrial(deployment, count: site.scaled(10_000, least: 1_000), at: site)
        try await Command.psql(deployment.uploadDatabase, LockingRelay.schema)
        let duration = Duration.seconds(max(1, 5 * site.options.scale))
        return Trial(sides: [
            Side("relay", measures: { try await trial.relay() }),
            Side("poller", measures: { try await trial.poller() }),
            Side("without") { try await trial.rate(for: duration) },
            Side("with") {
                let relay = try await deployment.start("OutboxRelay")
                // What was written without it goes out first.
                try await Events.arePublished(
                    try await Events.write(1, on: deployment.uploads),
                    on: deployment.uploads
                )
                let rate = try await trial.rate(for: duration)
                await relay.program.stop()
                return rate
            },
        ])
    }
}

/// The sides of row 7.
private struct DelayTrial: Sendable {
    let deployment: Deployment
    let pool: PostgresPool
    let count: Int
    let payload: [UInt8]
    let headers: [String]
    private let poller: LockingRelay
    private static let rate = 1_000
    private static let append: Statement = """
        INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
        SELECT slot, $1 || '.1', $2, $1, 1, $3::text[], $4 FROM outbox_writer
        """

    init(_ deployment: Deployment, count: Int, at site: Site) throws {
        self.deployment = deployment
        self.count = count
        pool = site.pool(deployment.uploadDatabase, connections: 9)
        let event = try Events.sample()
        payload = event.payload
        headers = event.headers.flatMap { [$0.name, String(decoding: $0.value, as: UTF8.self)] }
        poller = LockingRelay(
            pool: pool,
            producer: try ProducerLoan(deployment.brokers, topic: Events.topic)
        )
    }

    func relay() async throws -> Measures {
        let relay = try await deployment.start("OutboxRelay")
        try await Events.arePublished(try await Events.write(1, on: pool), on: pool)
        let doorbell = Doorbell(pool: pool, time: SystemTime())
        let ringing = Task { try await doorbell.run() }
        defer { ringing.cancel() }
        let delays = try await delays { key in
            try await append(key)
            doorbell.ring()
        }
        await relay.program.stop()
        return ["relay p99": delays.quantile(0.99) * 1_000, "relay p50": delays.median * 1_000]
    }

    func poller() async throws -> Measures {
        let polling = Task { try await poller.poll() }
        defer { polling.cancel() }
        let delays = try await delays { try await poller.write($0, headers, payload) }
        return ["poller p99": delays.quantile(0.99) * 1_000]
    }

    /// With nobody to read them unless a relay runs.
    func rate(for duration: Duration) async throws -> Double {
        let doorbell = Doorbell(pool: pool, time: SystemTime())
        let ringing = Task { try await doorbell.run() }
        defer { ringing.cancel() }
        return try await Writers.rate(8, for: duration) { key in
            try await append(key)
            doorbell.ring()
        }
    }

    private func append(_ key: String) async throws {
        _ = try await pool.execute(Self.append, key, Events.topic, headers, payload)
    }

    private func delays(_ write: @escaping @Sendable (String) async throws -> Void) async throws -> Statistics
    {
        let consumer = try BareConsumer(
            deployment.brokers,
            topic: Events.topic,
            partitionCount: Events.partitionCount
        )
        do {
            let delays = try await delays(seenBy: consumer, write)
            await consumer.stop()
            return delays
        } catch {
            await consumer.stop()
            throw error
        }
    }

    private func delays(
        seenBy consumer: BareConsumer,
        _ write: @escaping @Sendable (String) async throws -> Void
    ) async throws -> Statistics {
        // It reads from the end: it must have found it before the first counts.
        try await eventually(within: .seconds(20), every: .milliseconds(50), "the consumer reads") {
            try await write("probe-\(Site.mark())")
            return consumer.seenAt.keys.contains { $0.hasPrefix("probe-") }
        }
        let committed = try await Writers.paced(8, perSecond: Self.rate, count: count, write)
        try await eventually(within: .seconds(60), every: .milliseconds(50), "every event is seen") {
            let seen = consumer.seenAt
            return committed.keys.allSatisfy { seen[$0] != nil }
        }
        let seen = consumer.seenAt
        return Statistics(committed.compactMap { key, at in seen[key].map { ($0 - at).inSeconds } })
    }
}
