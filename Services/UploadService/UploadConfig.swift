import FaultPoints
import HTTPServing
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceSettings

/// What an operator sets. Read once; every problem is reported at once.
struct UploadConfig: Sendable {
    static let application = "waybill-upload-service"

    let http: HTTPServerSettings
    let database: PostgresSettings
    let mayMigrate: Bool
    let store: S3Settings
    /// librdkafka's own names.
    let kafka: [String: String]
    let limits: UploadLimits
    let transfers: TransferBudget.Limits
    let faults: any Faults
    /// Nil: the index is not compared.
    let indexer: IndexerClient.Settings?
    let checks: CheckSettings
    let rounds: RoundSettings

    init(_ environment: [String: String]) throws(ConfigurationError) {
        var reader = SettingsReader(environment: environment)
        let stall = reader.seconds("WAYBILL_STALL_SECONDS", default: 30, in: 1...3_600)
        var http = reader.httpServer(defaultPort: 8080)
        http.limits.bodyStallTimeout = stall
        http.limits.writeStallTimeout = stall
        self.http = http
        database = reader.database(application: Self.application)
        mayMigrate = reader.flag("WAYBILL_MIGRATE_ON_START", default: false)
        var store = reader.objectStore()
        store.timeouts.progress = stall
        store.timeouts.answer = stall * 2
        store.presigning = reader.presigning()
        self.store = store
        kafka = reader.kafka()
        limits = UploadLimits(&reader, store.profile)
        transfers = TransferBudget.Limits(
            transferCount: store.connectionLimit - store.connectionLimit / 4,
            partMemory: Int64(reader.integer("WAYBILL_PART_MEMORY_MIB", default: 512, in: 32...1_048_576))
                << 20
        )
        faults = reader.faults()
        indexer = reader.indexer()
        checks = reader.checks(lease: limits.sagaLease)
        rounds = RoundSettings(
            checkInterval: reader.seconds(
                "WAYBILL_CHECK_INTERVAL_SECONDS",
                default: 86_400,
                in: 0...31_536_000
            ),
            cleansAutomatically: reader.flag("WAYBILL_CLEAN_AUTOMATICALLY", default: false),
            canaryInterval: reader.seconds("WAYBILL_CANARY_INTERVAL_SECONDS", default: 60, in: 0...86_400)
        )
        try reader.finish()
    }
}

/// How often this service looks after the whole; zero is never.
struct RoundSettings: Sendable {
    var checkInterval: Duration = .seconds(86_400)
    /// Whether what a scheduled check has found is repaired without being asked for.
    var cleansAutomatically = false
    var canaryInterval: Duration = .seconds(60)
}

/// The limits of the service's own work.
struct UploadLimits: Sendable {
    /// The largest file, in bytes.
    var byteLimit: Int64 = 5 << 40
    /// How long a deleted file can be restored.
    var retention: Duration = .seconds(2_592_000)
    /// After this long without a sign of life another process may take over an upload.
    var sagaLease: Duration = .seconds(30)
    /// After this long without a byte going by an upload is given up, whoever drives it.
    var expiry: Duration = .seconds(86_400)
    /// The same for a session.
    var sessionExpiry: Duration = .seconds(604_800)
    /// How long a presigned URL can be used. A write that began within it may end later: the cleanup consumer waits longer.
    var urlLifetime: Duration = .seconds(1_800)
    /// For so long a store may say that it does not know the parts of a session before that is believed.
    var lossPatience: Duration = .seconds(10)
    /// For so long a store that cannot put the parts of a session together is asked again.
    var completionPatience: Duration = .seconds(3_600)
    /// How often uploads are looked for whose deadline has passed.
    var expiryInterval: Duration = .seconds(30)
    /// The longest time a due saga waits for a worker that has nothing else to do.
    var sagaPollInterval: Duration = .seconds(1)
    /// How long an upload whose bytes are stored waits for a database that is away. Below the graceful limit of shutdown.
    var commitPatience: Duration = .seconds(15)
    /// How long an upload may have others of its tenant wait for a lock, when they share a transaction.
    var sharedLockLimit: Duration = .milliseconds(500)
    /// After this long without an answer the removal of a purged file's bytes is asked for again.
    var removalPatience: Duration = .seconds(300)
    /// The same for a discarded upload. Longer, since the cleanup consumer looks twice, an hour apart, before it answers.
    var reapPatience: Duration = .seconds(7_200)
    /// For so long an object must have been seen without a row before a repair takes it to the trash.
    var quarantineAge: Duration = .seconds(86_400)
    /// How often interrupted repairs are gone on with.
    var repairInterval: Duration = .seconds(15)
    /// After this long without an answer an order of a repair is told again.
    var repairPatience: Duration = .seconds(300)
    /// After this long a version that is neither on the topic nor on its way there is told again.
    var publicationPatience: Duration = .seconds(300)

    init() {}

    fileprivate init(_ reader: inout SettingsReader, _ profile: StoreProfile) {
        let most = profile.plannedSizeLimit
        byteLimit = reader.bytes("WAYBILL_UPLOAD_BYTE_LIMIT", default: most, in: 0...most)
        retention = reader.seconds(
            "WAYBILL_TRASH_RETENTION_SECONDS",
            default: 2_592_000,
            in: 0...3_155_760_000
        )
        expiry = reader.seconds("WAYBILL_UPLOAD_EXPIRY_SECONDS", default: 86_400, in: 300...2_592_000)
        sessionExpiry = reader.seconds(
            "WAYBILL_SESSION_EXPIRY_SECONDS",
            default: 604_800,
            in: 300...7_776_000
        )
        urlLifetime = reader.seconds("WAYBILL_URL_LIFETIME_SECONDS", default: 1_800, in: 60...3_600)
        completionPatience = reader.seconds(
            "WAYBILL_COMPLETION_PATIENCE_SECONDS",
            default: 3_600,
            in: 10...604_800
        )
        quarantineAge = reader.seconds(
            "WAYBILL_QUARANTINE_AGE_SECONDS",
            default: 86_400,
            in: 0...31_536_000
        )
        publicationPatience = reader.seconds(
            "WAYBILL_REPUBLISH_AFTER_SECONDS",
            default: 300,
            in: 30...86_400
        )
        sagaLease = reader.seconds("WAYBILL_SAGA_LEASE_SECONDS", default: 30, in: 3...3_600)
    }
}

extension SettingsReader {
    fileprivate mutating func checks(lease: Duration) -> CheckSettings {
        var settings = CheckSettings()
        settings.requestsPerSecond = integer(
            "WAYBILL_CHECK_REQUESTS_PER_SECOND",
            default: 100,
            in: 1...100_000
        )
        settings.recheckPause = .milliseconds(
            integer("WAYBILL_CHECK_RECHECK_MILLISECONDS", default: 5_000, in: 50...600_000)
        )
        settings.rangeCount = integer("WAYBILL_CHECK_RANGES", default: 4, in: 1...64)
        settings.sampleCount = integer("WAYBILL_CHECK_SAMPLED_DIGESTS", default: 100, in: 0...1_000_000)
        settings.stuckPatience = seconds("WAYBILL_CHECK_STUCK_SECONDS", default: 21_600, in: 1...2_592_000)
        settings.indexPatience = seconds("WAYBILL_CHECK_INDEX_LAG_SECONDS", default: 300, in: 1...604_800)
        settings.incrementalWindow = seconds(
            "WAYBILL_CHECK_WINDOW_SECONDS",
            default: 86_400,
            in: 60...2_592_000
        )
        settings.late = seconds("WAYBILL_LATE_SECONDS", default: 3_600, in: 1...604_800)
        settings.retention = seconds(
            "WAYBILL_CHECK_RETENTION_SECONDS",
            default: 2_592_000,
            in: 3_600...315_360_000
        )
        settings.lease = lease
        return settings
    }

    /// `WAYBILL_INDEXER_URL` and `WAYBILL_INDEXER_TOKEN`, both or neither.
    fileprivate mutating func indexer() -> IndexerClient.Settings? {
        var url = url("WAYBILL_INDEXER_URL", default: "", schemes: ["http", "https"])
        let token = secret("WAYBILL_INDEXER_TOKEN", default: "")
        if url.isEmpty != token.reveal().isEmpty {
            report("WAYBILL_INDEXER_URL and WAYBILL_INDEXER_TOKEN are set both or neither")
        }
        while url.hasSuffix("/") { url.removeLast() }
        return url.isEmpty ? nil : IndexerClient.Settings(url: url, token: token)
    }

    /// A setting whose name says that it is in whole seconds.
    fileprivate mutating func seconds(
        _ name: String,
        default fallback: Int,
        in range: ClosedRange<Int>
    ) -> Duration {
        .seconds(integer(name, default: fallback, in: range))
    }
}
