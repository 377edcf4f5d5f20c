import AsyncHTTPClient
import Determinism
import FaultPoints
import HTTPServing
import Hummingbird
import Logging
import ObjectStore
import PostgresClient
import ServiceBootstrap

@testable import UploadService

/// The routes of the service's own router. Nothing is opened for it.
enum UploadRoutes {
    /// `GET /path` for each.
    static func all() throws -> [String] {
        let (time, random) = (SystemTime(), SystemRandom())
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let pool = PostgresPool(
            PostgresSettings(conninfo: "host=/nowhere", applicationName: "test"),
            time: time,
            random: random,
            logger: logger
        )
        let store = try S3Store(
            S3Settings(
                endpoint: "http://127.0.0.1:9",
                bucket: "none",
                credentials: S3Credentials(accessKeyID: "none", secretAccessKey: "none")
            ),
            client: .shared,
            time: time,
            random: random,
            logger: logger
        )
        let surroundings = Surroundings(
            pool: pool,
            store: store,
            limits: UploadLimits(),
            budget: TransferBudget(TransferBudget.Limits()),
            faults: NoFaults(),
            time: time,
            random: random,
            metrics: MetricsRegistry(),
            health: HealthRegistry(time: time, logger: logger),
            makeLogger: { _ in logger }
        )
        return try Wiring(surroundings).makeRouter().routes.map { "\($0.method.rawValue) \($0.path)" }
    }
}
