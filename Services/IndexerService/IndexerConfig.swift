import FaultPoints
import HTTPServing
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceSettings

/// What an operator sets. Read once; every problem is reported at once.
struct IndexerConfig: Sendable {
    let http: HTTPServerSettings
    let database: PostgresSettings
    let kafka: [String: String]
    /// Its credentials may read and delete objects; those of the upload service may not delete.
    let store: S3Settings
    /// The longest time after which a write that was under way can still land in the store.
    let late: Duration
    /// After this long without a sign of life another process may go on with a saga.
    let sagaLease: Duration
    /// Files read back, or removed, at the same time.
    let indexConcurrency: Int
    /// For so long what was moved to the trash can be brought back.
    let objectRetention: Duration
    let mayMigrate: Bool
    let faults: any Faults

    init(_ environment: [String: String]) throws(ConfigurationError) {
        var reader = SettingsReader(environment: environment)
        http = reader.httpServer(defaultPort: 8081)
        database = reader.database(application: Self.application)
        kafka = reader.kafka()
        store = reader.objectStore()
        late = .seconds(reader.integer("WAYBILL_LATE_SECONDS", default: 3_600, in: 1...604_800))
        sagaLease = .seconds(reader.integer("WAYBILL_SAGA_LEASE_SECONDS", default: 30, in: 3...600))
        indexConcurrency = reader.integer("WAYBILL_INDEX_CONCURRENCY", default: 4, in: 1...256)
        objectRetention = .seconds(
            reader.integer("WAYBILL_TRASH_OBJECT_SECONDS", default: 2_592_000, in: 60...3_155_760_000)
        )
        mayMigrate = reader.flag("WAYBILL_MIGRATE_ON_START", default: false)
        faults = reader.faults()
        try reader.finish()
    }

    static let application = "waybill-indexer"
}
