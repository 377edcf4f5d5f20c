import AccessTokens
import Determinism
import EventContracts
import HTTPServing
import Hummingbird
import IdempotentConsumer
import IdempotentInbox
import KafkaClient
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceBootstrap
import ServiceParts
import TransactionalOutbox

/// Index and Cleanup, as the saga worker sees them.
func sagaKinds(
    _ config: IndexerConfig,
    _ pool: PostgresPool,
    _ store: any ObjectStore,
    _ bucket: BucketIdentity,
    _ doorbell: Doorbell,
    _ metrics: IndexerMetrics,
    _ frame: ProgramFrame
) throws -> [SagaKind] {
    let index = IndexSaga(
        pool: pool,
        verifier: ObjectVerifier(store: store, bucket: bucket),
        doorbell: doorbell,
        metrics: metrics,
        faults: config.faults
    )
    let caution = RemovalCaution(
        pool: pool,
        marks: EpochMarks(store: store, bucket: bucket),
        logger: frame.makeLogger("cleanup")
    )
    let removal = RemovalSaga(
        pool: pool,
        remover: ObjectRemover(store: store, bucket: bucket),
        caution: caution,
        doorbell: doorbell,
        metrics: metrics,
        faults: config.faults,
        late: config.late
    )
    let trash = TrashSaga(
        pool: pool,
        store: store,
        bucket: bucket,
        mover: ObjectMover(store: store),
        caution: caution,
        doorbell: doorbell,
        metrics: metrics,
        faults: config.faults,
        late: config.late
    )
    return [
        SagaKind(
            SagaRunner(try index.steps(), pool: pool, random: frame.random, faults: config.faults),
            decode: IndexSaga.Order.init
        ),
        SagaKind(
            SagaRunner(try removal.steps(), pool: pool, random: frame.random, faults: config.faults),
            decode: RemovalSaga.Order.init
        ),
        SagaKind(
            SagaRunner(try trash.steps(), pool: pool, random: frame.random, faults: config.faults),
            decode: TrashSaga.Order.init
        ),
    ]
}

/// The epochs of versions are UploadService's.
func incarnationWatch(
    _ pool: PostgresPool,
    _ store: any ObjectStore,
    _ bucket: BucketIdentity,
    _ frame: ProgramFrame
) -> IncarnationWatch {
    IncarnationWatch(
        pool: pool,
        marks: nil,
        high: HighWaterMarks(store: store, bucket: bucket, service: "indexer"),
        time: frame.time,
        random: frame.random,
        logger: frame.makeLogger("incarnation")
    )
}

/// Empties the trash that repairs have filled.
func trashEmptying(
    _ config: IndexerConfig,
    _ pool: PostgresPool,
    _ store: any ObjectStore,
    _ bucket: BucketIdentity,
    _ frame: ProgramFrame
) -> TrashEmptying {
    TrashEmptying(
        interval: .seconds(600),
        retention: config.objectRetention,
        pool: pool,
        store: store,
        bucket: bucket,
        time: frame.time,
        random: frame.random,
        logger: frame.makeLogger("trash")
    )
}

/// Reads what the upload service tells of files.
func fileEvents(
    _ config: IndexerConfig,
    _ pool: PostgresPool,
    _ frame: ProgramFrame
) -> ConsumerLoop<FileEventHandler> {
    ConsumerLoop(
        consumer: FileEventHandler.consumer,
        topics: [Topic.files.name],
        settings: .consumer(
            brokers: config.kafka["bootstrap.servers"] ?? "",
            group: FileEventHandler.consumer,
            extra: config.kafka
        ),
        // Events of different partitions are of different files.
        width: 4,
        handler: FileEventHandler(time: frame.time, random: frame.random),
        pool: pool,
        time: frame.time,
        random: frame.random,
        faults: config.faults,
        logger: frame.makeLogger("consumer")
    )
}

/// Ready means: questions can be answered and bytes be read. Kafka may be away for a while; then the index is late.
func addChecks(
    to health: HealthRegistry,
    _ pool: PostgresPool,
    _ store: any ObjectStore,
    _ bucket: BucketIdentity,
    _ figures: ConsumerFigures
) {
    health.add("database") { try await pool.ping() }
    health.add("store") { try await store.headBucket() }
    // Search goes on without it; what it holds up is verification and removal.
    health.add("bucket", required: false) { try await bucket.confirm() }
    health.add("consumer", required: false) { try figures.check() }
}

/// Search, and what machines and operators ask.
func httpServer(_ config: IndexerConfig, _ pool: PostgresPool, _ frame: ProgramFrame) -> HTTPServer {
    let operational = OperationalRoutes(health: frame.health, metrics: frame.metrics, time: frame.time)
    let router = makeServiceRouter(time: frame.time) { router in
        operational.add(to: router)
        let guarded = router.group().add(middleware: BearerAuthentication(TokenStore(pool)))
        SearchRoute(store: SearchStore(pool)).add(to: guarded)
        let entries = guarded.group("\(EntryRoutes.path)").add(middleware: RequireSuperuser())
        EntryRoutes(store: EntryStore(pool)).add(to: entries)
        let safeMode = guarded.group("\(SafeModeRoutes.path)").add(middleware: RequireSuperuser())
        SafeModeRoutes(pool: pool).add(to: safeMode)
    }
    return HTTPServer(
        config.http,
        router: router,
        metrics: frame.metrics,
        time: frame.time,
        random: frame.random,
        logger: frame.makeLogger("http")
    )
}
