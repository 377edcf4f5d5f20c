import AccessTokens
import Determinism
import FaultPoints
import Glibc
import HTTPServing
import IdempotentConsumer
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceBootstrap
import ServiceParts
import ServiceSettings
import TransactionalOutbox

/// Makes files findable and removes the bytes of those that are gone. START HERE: configuration, wiring, services in
/// start order.
///
///     waybill.files.v1 ──► Consumer ──► documents + sagas ──► Index    (verify, extract, file.indexed)
///                                                        └──► Cleanup  (remove, prove, file.bytes_removed)
///     HTTP ──► Search ──► documents
@main
struct IndexerService {
    static func main() async {
        let commands = migrationCommands(IndexerSchema.migrations, application: IndexerConfig.application)
        let exit = await runProgram("IndexerService", commands: commands + [.resetOffsets]) { frame in
            let config = try IndexerConfig(frame.environment)
            let (time, random) = (frame.time, frame.random)
            let logger = frame.makeLogger
            let pool = PostgresPool(config.database, time: time, random: random, logger: logger("database"))
            let schema = SchemaCheck(
                IndexerSchema.migrations,
                program: "IndexerService",
                pool: pool,
                mayMigrate: config.mayMigrate,
                health: frame.health,
                time: time,
                logger: frame.logger
            )
            _ = try await schema.passes()
            let store = try S3Store(config.store, time: time, random: random, logger: logger("store"))
            let bucket = BucketIdentity(store: store, pool: pool)
            let doorbell = Doorbell(pool: pool, time: time)
            let metrics = IndexerMetrics(frame.metrics)
            // Workers of its own for each kind: large files that are verified hold up no removal.
            let workers = try sagaKinds(config, pool, store, bucket, doorbell, metrics, frame).map { kind in
                SagaWorker(
                    [kind],
                    lease: config.sagaLease,
                    concurrencyLimit: config.indexConcurrency,
                    pool: pool,
                    time: time,
                    random: random,
                    faults: config.faults,
                    logger: logger("sagas")
                )
            }
            let consumer = fileEvents(config, pool, frame)
            ServiceMetrics(frame.metrics, pool).add(consumer: FileEventHandler.consumer, consumer.figures)
            addChecks(to: frame.health, pool, store, bucket, consumer.figures)
            SafeMode.show(pool, in: frame.metrics, frame.health)
            let server = httpServer(config, pool, frame)
            return [
                ProgramService(pool), ProgramService(StoreConnections(store)),
                ProgramService(doorbell), ProgramService(schema, mayFinish: true),
                ProgramService(incarnationWatch(pool, store, bucket, frame)), ProgramService(consumer),
                ProgramService(InboxJanitor(pool: pool, time: time, random: random, logger: logger("inbox"))),
                ProgramService(
                    CanaryTombstones(pool: pool, time: time, random: random, logger: logger("canary"))
                ),
                ProgramService(trashEmptying(config, pool, store, bucket, frame)),
                ProgramService(frame.health), ProgramService(server),
            ] + workers.map { ProgramService($0) }
        }
        // Not `exit`: threads that wait for a silent server may still run, and what it tears down is theirs.
        Glibc._exit(exit.rawValue)
    }
}
