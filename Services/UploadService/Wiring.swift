import AccessTokens
import Determinism
import FaultPoints
import HTTPServing
import Hummingbird
import Logging
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceBootstrap
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
        expiry = UploadExpiry(
            interval: limits.expiryInterval,
            pool: pool,
            reaping: sagas.reaps,
            time: time,
            random: random,
            logger: surroundings.makeLogger("expiry")
        )
        janitor = IdempotencyJanitor(
            pool: pool,
            time: time,
            random: random,
            logger: surroundings.makeLogger("idempotency")
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
            store: surroundings.store,
            budget: surroundings.budget,
            figures: figures
        )
        return makeServiceRouter(time: time) { router in
            OperationalRoutes(health: health, metrics: metrics, time: time).add(to: router)
            let authentication = BearerAuthentication(TokenStore(surroundings.pool))
            files.add(to: router.group("api/v1/files").add(middleware: authentication))
            uploads.add(to: router.group("api/v1/uploads").add(middleware: authentication))
            QuotaRoutes(actions: QuotaActions(pool: surroundings.pool)).add(
                to: router.group("api/v1/quotas").add(middleware: authentication).add(
                    middleware: RequireSuperuser()
                )
            )
        }
    }
}
