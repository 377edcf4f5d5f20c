import AccessTokens
import Determinism
import FaultPoints
import HTTPServing
import Hummingbird
import Leases
import Logging
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceBootstrap
import ServiceParts
import TransactionalOutbox

/// What the service is made of, and what a test may put in its place.
struct Surroundings: Sendable {
    let pool: PostgresPool
    let store: any ObjectStore
    let limits: UploadLimits
    let budget: TransferBudget
    let faults: any Faults
    let time: any TimeSource
    let random: any RandomSource
    let metrics: MetricsRegistry
    let health: HealthRegistry
    let makeLogger: @Sendable (String) -> Logger
    /// Nil: nobody said where the indexer is.
    var indexer: IndexerClient?
    var checks = CheckSettings()
    /// The topics Kafka knows.
    var topics: @Sendable () async throws -> Set<String> = { [] }
}

/// The service's own parts, wired.
struct Wiring: Sendable {
    let surroundings: Surroundings
    let doorbell: Doorbell
    let receive: ReceiveFile
    let sessions: UploadSessions
    let actions: FileActions
    let keys: IdempotencyKeys
    let sagas: Sagas
    let worker: SagaWorker
    let expiry: UploadExpiry
    let janitor: IdempotencyJanitor
    let repairs: Repairs
    let repairRuns: RepairRuns
    let checks: ConsistencyChecks
    let publication: PublicationSweep

    init(_ surroundings: Surroundings) throws {
        let (pool, limits) = (surroundings.pool, surroundings.limits)
        let (time, random, faults) = (surroundings.time, surroundings.random, surroundings.faults)
        let doorbell = Doorbell(pool: pool, time: time)
        let sagas = Sagas(surroundings, doorbell: doorbell)
        let uploadRunner = surroundings.runner(of: try sagas.uploads.steps())
        let deleteRunner = surroundings.runner(of: try sagas.deletes.steps())
        let reapRunner = surroundings.runner(of: try sagas.reaps.steps())
        let completeRunner = surroundings.runner(of: try sagas.completions.steps())
        let heartbeat = SagaHeartbeat(lease: limits.sagaLease, pool: pool, time: time)
        self.surroundings = surroundings
        self.doorbell = doorbell
        self.sagas = sagas
        receive = ReceiveFile(
            saga: sagas.uploads,
            runner: uploadRunner,
            heartbeat: heartbeat,
            pool: pool,
            time: time,
            random: random,
            byteLimit: limits.byteLimit,
            budget: surroundings.budget,
            streamLimit: surroundings.store.profile.partSizeLimit
        )
        sessions = UploadSessions(surroundings, sagas, heartbeat, completeRunner)
        actions = FileActions(pool: pool, doorbell: doorbell, faults: faults, retention: limits.retention)
        keys = IdempotencyKeys(pool: pool, lease: limits.sagaLease, faults: faults)
        worker = SagaWorker(
            [
                SagaKind(uploadRunner) { UploadContext(takenOver: try StoredUpload.decode($0.context)) },
                SagaKind(completeRunner) { CompleteContext(try StoredUpload.decode($0.context)) },
                SagaKind(deleteRunner) { $0.subject },
                SagaKind(reapRunner) { try StoredUpload.decode($0.context) },
            ],
            lease: limits.sagaLease,
            pollInterval: limits.sagaPollInterval,
            pool: pool,
            time: time,
            random: random,
            faults: faults,
            logger: surroundings.makeLogger("sagas")
        )
        expiry = UploadExpiry(surroundings, sagas)
        janitor = IdempotencyJanitor(surroundings)
        repairs = Repairs(surroundings, sagas, doorbell: doorbell)
        repairRuns = RepairRuns(repairs, surroundings)
        checks = ConsistencyChecks(surroundings)
        publication = PublicationSweep(surroundings, doorbell)
    }

    /// The cleanup consumer's answers among others.
    var replies: IndexReplies {
        IndexReplies(
            doorbell: doorbell,
            faults: surroundings.faults,
            repairs: RepairReplies(figures: repairs.figures)
        )
    }

    /// Every route of the service.
    func makeRouter() -> Router<ServiceContext> {
        let (health, metrics, time) = (surroundings.health, surroundings.metrics, surroundings.time)
        let figures = UploadFigures(metrics)
        let uploads = SessionRoutes(sessions: sessions, keys: keys, figures: figures)
        let files = FileRoutes(
            receive: receive,
            actions: actions,
            keys: keys,
            pool: surroundings.pool,
            files: FileLookup(on: surroundings.pool),
            store: surroundings.store,
            budget: surroundings.budget,
            figures: figures
        )
        return makeServiceRouter(time: time) { router in
            OperationalRoutes(health: health, metrics: metrics, time: time).add(to: router)
            let authentication = BearerAuthentication(TokenStore(surroundings.pool))
            files.add(
                open: router.group("api/v1/files"),
                guarded: router.group("api/v1/files").add(middleware: authentication)
            )
            uploads.add(to: router.group("api/v1/uploads").add(middleware: authentication))
            addAdministration(
                to: router.group("api/v1").add(middleware: authentication)
                    .add(middleware: RequireSuperuser())
            )
        }
    }

    /// What only operators may call.
    private func addAdministration(to operators: RouterGroup<ServiceContext>) {
        let (doorbell, pool) = (self.doorbell, surroundings.pool)
        ConsistencyRoutes(checks: checks, pool: pool, time: surroundings.time).add(to: operators)
        RepublishRoutes(
            republishing: Republishing(pool: pool, topics: surroundings.topics),
            ring: { doorbell.ring() }
        ).add(to: operators.group("republish"))
        AuditRoutes(pool: pool).add(to: operators.group("audit"))
        let caution = LeavingCaution(pool: pool, store: surroundings.store)
        SafeModeRoutes(pool: pool) { try await caution.obstacle($0) }.add(to: operators.group("safe-mode"))
        RepairRoutes(repairs: repairs, keys: keys).add(to: operators)
        QuotaRoutes(actions: QuotaActions(pool: pool)).add(to: operators.group("quotas"))
    }
}

extension PublicationSweep {
    fileprivate init(_ surroundings: Surroundings, _ doorbell: Doorbell) {
        let (pool, time, random) = (surroundings.pool, surroundings.time, surroundings.random)
        self.init(
            store: HoldStore(PublicationStore.hold, on: pool),
            pool: pool,
            lease: LeaseKeeper("publication", ttl: .seconds(60), pool: pool, time: time, random: random),
            doorbell: doorbell,
            patience: surroundings.limits.publicationPatience,
            figures: PublicationFigures(surroundings.metrics),
            time: time,
            random: random,
            logger: surroundings.makeLogger("publication")
        )
    }
}

extension ConsistencyChecks {
    fileprivate init(_ surroundings: Surroundings) {
        let (pool, store, time) = (surroundings.pool, surroundings.store, surroundings.time)
        let settings = surroundings.checks
        self.init(
            CheckTools(
                pool: pool,
                store: store,
                bucket: BucketIdentity(store: store, pool: pool),
                indexer: surroundings.indexer,
                budget: RequestBudget(requestsPerSecond: settings.requestsPerSecond, time: time),
                settings: settings,
                time: time,
                random: surroundings.random,
                list: store.lister
            ),
            gaps: { after, age, limit throws(DatabaseError) in
                try await PublicationStore.gaps(after: after, olderThan: age, limit: limit, on: pool)
            },
            logger: surroundings.makeLogger("checks")
        )
    }
}
