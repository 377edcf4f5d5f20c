import PostgresClient
import SagaEngine
import TransactionalOutbox

/// The service's sagas, wired.
struct Sagas: Sendable {
    let uploads: UploadSaga
    let completions: CompleteSaga
    let reaps: ReapSaga
    let deletes: DeleteSaga

    init(_ surroundings: Surroundings, doorbell: Doorbell) {
        let (pool, limits, time) = (surroundings.pool, surroundings.limits, surroundings.time)
        reaps = ReapSaga(pool: pool, doorbell: doorbell, patience: limits.reapPatience)
        let pivot = UploadPivot(
            pool: pool,
            time: time,
            random: surroundings.random,
            doorbell: doorbell,
            patience: limits.commitPatience,
            lockLimit: limits.sharedLockLimit
        )
        uploads = UploadSaga(
            intents: UploadIntents(on: pool, limits),
            transfer: ObjectTransfer(store: surroundings.store, pool: pool),
            pivot: pivot,
            reaping: reaps,
            faults: surroundings.faults,
            expiry: limits.expiry
        )
        completions = CompleteSaga(
            pool: pool,
            assembly: PartAssembly(store: surroundings.store),
            pivot: pivot,
            reaping: reaps,
            faults: surroundings.faults,
            time: time,
            patience: limits.completionPatience
        )
        deletes = DeleteSaga(
            pool: pool,
            time: time,
            doorbell: doorbell,
            faults: surroundings.faults,
            removalPatience: limits.removalPatience
        )
    }
}

extension Surroundings {
    func runner<Context: Sendable>(of saga: Saga<Context>) -> SagaRunner<Context> {
        SagaRunner(saga, pool: pool, random: random, faults: faults)
    }
}
