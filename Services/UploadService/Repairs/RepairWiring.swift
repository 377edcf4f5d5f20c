import ServiceParts
import TransactionalOutbox

extension Repairs {
    init(_ surroundings: Surroundings, _ sagas: Sagas, doorbell: Doorbell) {
        self.init(
            pool: surroundings.pool,
            store: surroundings.store,
            bucket: BucketIdentity(store: surroundings.store, pool: surroundings.pool),
            doorbell: doorbell,
            time: surroundings.time,
            random: surroundings.random,
            figures: RepairFigures(surroundings.metrics),
            logger: surroundings.makeLogger("repairs"),
            quarantineAge: surroundings.limits.quarantineAge,
            objectAge: surroundings.limits.quarantineAge,
            retention: surroundings.limits.retention,
            faults: surroundings.faults,
            reaping: sagas.reaps,
            lookUp: surroundings.indexer?.lookup
        )
    }
}

extension RepairRuns {
    init(_ repairs: Repairs, _ surroundings: Surroundings) {
        self.init(
            repairs: repairs,
            interval: surroundings.limits.repairInterval,
            patience: surroundings.limits.repairPatience,
            time: surroundings.time,
            random: surroundings.random,
            logger: surroundings.makeLogger("repairs")
        )
    }
}
