import Determinism
import EventContracts
import Glibc
import HTTPServing
import IdempotentConsumer
import KafkaClient
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import ServiceSettings

/// Takes files in, gives them out, lets them go. START HERE: configuration, wiring, services in start order.
@main
struct UploadService {
    static func main() async {
        let commands =
            migrationCommands(Schema.migrations, application: UploadConfig.application) + [.republish]
        let exit = await runProgram("UploadService", commands: commands) { frame in
            let config = try UploadConfig(frame.environment)
            let (time, random, health) = (frame.time, frame.random, frame.health)
            let pool = PostgresPool(
                config.database,
                time: time,
                random: random,
                logger: frame.makeLogger("database")
            )
            let schema = schemaCheck(config, pool, frame)
            _ = try await schema.passes()
            let store = try S3Store(
                config.store,
                time: time,
                random: random,
                logger: frame.makeLogger("store")
            )
            let wiring = try Wiring(Surroundings(config, pool, store, frame))
            let replies = wiring.replies(config, frame)
            wiring.addMetrics(config, replies.figures, frame)
            let bucket = BucketIdentity(store: store, pool: pool)
            health.add("database") { try await pool.ping() }
            health.add("object_store") { try await bucket.confirm() }
            health.add("kafka", required: false) { try replies.figures.check() }
            return wiring.connections(store) + wiring.watches(config, bucket, frame) + [
                ProgramService(wiring.doorbell),
                ProgramService(schema, mayFinish: true),
                ProgramService(
                    BucketClaim(bucket, time: time, random: random, logger: frame.makeLogger("bucket")),
                    mayFinish: true
                ),
                ProgramService(wiring.worker),
                ProgramService(wiring.expiry),
                ProgramService(replies),
                ProgramService(inboxJanitor(pool, frame)),
                ProgramService(wiring.janitor),
                ProgramService(wiring.repairRuns),
                ProgramService(wiring.checks),
                ProgramService(wiring.publication),
                ProgramService(health),
                ProgramService(wiring.server(config, frame)),
            ]
        }
        // Not `exit`: threads that wait for a silent server may still run, and what it tears down is theirs.
        Glibc._exit(exit.rawValue)
    }
}

extension Surroundings {
    fileprivate init(_ config: UploadConfig, _ pool: PostgresPool, _ store: S3Store, _ frame: ProgramFrame) {
        self.init(
            pool: pool,
            store: store,
            limits: config.limits,
            budget: TransferBudget(config.transfers),
            faults: config.faults,
            time: frame.time,
            random: frame.random,
            metrics: frame.metrics,
            health: frame.health,
            makeLogger: frame.makeLogger,
            indexer: config.indexer.map { IndexerClient($0) },
            checks: config.checks,
            topics: { [kafka = KafkaSettings(config.kafka)] in try await topicNames(kafka) }
        )
    }
}

extension Wiring {
    /// What closes last.
    fileprivate func connections(_ store: S3Store) -> [ProgramService] {
        let indexer = surroundings.indexer.map { ProgramService(IndexerConnections(client: $0)) }
        return [ProgramService(surroundings.pool), ProgramService(StoreConnections(store))]
            + (indexer.map { [$0] } ?? [])
    }

    fileprivate func addMetrics(_ config: UploadConfig, _ replies: ConsumerFigures, _ frame: ProgramFrame) {
        let (metrics, pool) = (frame.metrics, surroundings.pool)
        ServiceMetrics(metrics, pool).add(consumer: IndexReplies.consumer, replies)
        surroundings.budget.addMetrics(to: metrics)
        CheckFigures(pool: pool).add(to: metrics)
        StateFigures.add(to: metrics, on: pool)
        PublicationFigures.addGaps(to: metrics, patience: config.limits.publicationPatience * 2, on: pool)
    }

    fileprivate func server(_ config: UploadConfig, _ frame: ProgramFrame) -> HTTPServer {
        HTTPServer(
            config.http,
            router: makeRouter(),
            metrics: frame.metrics,
            time: frame.time,
            random: frame.random,
            logger: frame.makeLogger("http")
        )
    }

    /// What the indexer answers, read from Kafka.
    fileprivate func replies(_ config: UploadConfig, _ frame: ProgramFrame) -> ConsumerLoop<IndexReplies> {
        var extra = config.kafka
        let brokers = extra.removeValue(forKey: "bootstrap.servers") ?? ""
        return ConsumerLoop(
            consumer: IndexReplies.consumer,
            topics: [Topic.index.name],
            settings: .consumer(brokers: brokers, group: IndexReplies.consumer, extra: extra),
            handler: replies,
            pool: surroundings.pool,
            time: frame.time,
            random: frame.random,
            faults: config.faults,
            logger: frame.makeLogger("replies")
        )
    }
}

private func schemaCheck(_ config: UploadConfig, _ pool: PostgresPool, _ frame: ProgramFrame) -> SchemaCheck {
    SchemaCheck(
        Schema.migrations,
        program: "UploadService",
        pool: pool,
        mayMigrate: config.mayMigrate,
        health: frame.health,
        time: frame.time,
        logger: frame.logger
    )
}

private func inboxJanitor(_ pool: PostgresPool, _ frame: ProgramFrame) -> InboxJanitor {
    InboxJanitor(pool: pool, time: frame.time, random: frame.random, logger: frame.makeLogger("inbox"))
}
