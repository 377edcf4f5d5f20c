import Determinism
import FaultPoints
import Glibc
import HTTPServing
import KafkaClient
import Leases
import PostgresClient
import ServiceBootstrap
import TransactionalOutbox

/// Drains any number of outboxes into Kafka. START HERE: configuration, wiring, services in start order.
@main
struct OutboxRelay {
    static func main() async {
        let exit = await runProgram("OutboxRelay") { frame in
            let config = try RelayConfig(frame.environment)
            let relays = try config.outboxes.map { try Relay($0.name, $0.database, config, frame) }
            RelayMetrics.add(
                to: frame.metrics,
                relays.map { ($0.loop.outbox, $0.loop.figures, $0.loop.ticks) },
                rotation: config.rotation
            )
            let operational = OperationalRoutes(
                health: frame.health,
                metrics: frame.metrics,
                time: frame.time
            )
            let server = HTTPServer(
                config.http,
                router: makeServiceRouter(time: frame.time) { operational.add(to: $0) },
                metrics: frame.metrics,
                time: frame.time,
                random: frame.random,
                logger: frame.makeLogger("http")
            )
            frame.health.markStarted()
            return relays.flatMap(\.services) + [ProgramService(frame.health), ProgramService(server)]
        }
        // Not `exit`: threads that wait for a silent server may still run, and what it tears down is theirs.
        Glibc._exit(exit.rawValue)
    }
}

/// The services of one outbox: its connections, its doorbell, its loop.
private struct Relay {
    let pool: PostgresPool
    let wakeUp: WakeUp
    let loop: RelayLoop

    var services: [ProgramService] { [ProgramService(pool), ProgramService(wakeUp), ProgramService(loop)] }

    init(_ name: String, _ database: PostgresSettings, _ config: RelayConfig, _ frame: ProgramFrame) throws {
        let (time, random, faults) = (frame.time, frame.random, config.faults)
        let logger = frame.makeLogger("relay.\(name)")
        let pool = PostgresPool(database, time: time, random: random, logger: logger)
        let ticks = TickStore(pool)
        let figures = RelayFigures()
        let kafka = KafkaSettings(config.kafka)
        self.pool = pool
        wakeUp = WakeUp(pool: pool, time: time)
        loop = RelayLoop(
            outbox: name,
            ticks: ticks,
            lease: LeaseKeeper("outbox-relay", ttl: config.leaseTTL, pool: pool, time: time, random: random),
            makePublisher: { leader in
                try await Publisher(
                    ticks: ticks,
                    makeProducer: { () throws(KafkaError) in try KafkaProducer(kafka, logger: logger) },
                    recordBytesLimit: config.recordBytesLimit,
                    leader: leader,
                    faults: faults,
                    figures: figures
                )
            },
            wakeUp: wakeUp,
            rotation: config.rotation,
            time: time,
            faults: faults,
            figures: figures,
            logger: logger
        )
        frame.health.add("database-\(name)") { try await pool.ping() }
    }
}
