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
    let faults: any Faults
    let time: any TimeSource
    let random: any RandomSource
    let metrics: MetricsRegistry
    let health: HealthRegistry
    let makeLogger: @Sendable (String) -> Logger
}

/// The service's own parts, wired.
struct Wiring: Sendable {
    let surroundings: Surroundings
    let doorbell: Doorbell
    let receive: ReceiveFile
    let actions: FileActions
    let deletes: DeleteSaga
    let worker: SagaWorker
    let expiry: UploadExpiry

    init(_ surroundings: Surroundings) throws {
        let (pool, limits) = (surroundings.pool, surroundings.limits)
        let (time, random, faults) = (surroundings.time, surroundings.random, surroundings.faults)
        let doorbell = Doorbell(pool: pool, time: time)
        let uploads = surroundings.uploadSaga(doorbell)
        let deletes = DeleteSaga(
            pool: pool,
            time: time,
            doorbell: doorbell,
            faults: faults,
            removalPatience: limits.removalPatience
        )
        let uploadRunner = SagaRunner(try uploads.steps(), pool: pool, random: random, faults: faults)
        let deleteRunner = SagaRunner(try deletes.steps(), pool: pool, random: random, faults: faults)
        self.surroundings = surroundings
        self.doorbell = doorbell
        self.deletes = deletes
        receive = ReceiveFile(
            saga: uploads,
            runner: uploadRunner,
            heartbeat: SagaHeartbeat(lease: limits.sagaLease, pool: pool, time: time),
            pool: pool,
            time: time,
            random: random,
            byteLimit: limits.byteLimit
        )
        actions = FileActions(pool: pool, doorbell: doorbell, faults: faults, retention: limits.retention)
        worker = SagaWorker(
            [
                SagaKind(uploadRunner) { UploadContext(takenOver: try StoredUpload.decode($0.context)) },
                SagaKind(deleteRunner) { $0.subject },
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
            doorbell: doorbell,
            time: time,
            random: random,
            logger: surroundings.makeLogger("expiry")
        )
    }

    /// Every route of the service.
    func makeRouter() -> Router<ServiceContext> {
        let (health, metrics, time) = (surroundings.health, surroundings.metrics, surroundings.time)
        let files = FileRoutes(
            receive: receive,
            actions: actions,
            pool: surroundings.pool,
            store: surroundings.store,
            figures: UploadFigures(metrics)
        )
        return makeServiceRouter(time: time) { router in
            OperationalRoutes(health: health, metrics: metrics, time: time).add(to: router)
            files.add(
                to: router.group("api/v1/files")
                    .add(middleware: BearerAuthentication(TokenStore(surroundings.pool)))
            )
        }
    }
}

extension Surroundings {
    fileprivate func uploadSaga(_ doorbell: Doorbell) -> UploadSaga {
        UploadSaga(
            pool: pool,
            transfer: ObjectTransfer(store: store, pool: pool),
            pivot: UploadPivot(
                pool: pool,
                time: time,
                random: random,
                doorbell: doorbell,
                patience: limits.commitPatience
            ),
            doorbell: doorbell,
            faults: faults,
            expiry: limits.expiry
        )
    }
}
