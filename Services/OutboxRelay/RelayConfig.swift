import FaultPoints
import HTTPServing
import PostgresClient
import ServiceBootstrap
import ServiceSettings
import TransactionalOutbox

/// What an operator sets. Read once; every problem is reported at once.
struct RelayConfig: Sendable {
    let http: HTTPServerSettings
    let kafka: [String: String]
    /// One relay per outbox, by name.
    let outboxes: [(name: String, database: PostgresSettings)]
    let leaseTTL: Duration
    /// Above this librdkafka refuses a record before it is sent.
    let recordBytesLimit: Int
    let rotation: TickStore.RotationLimits
    let faults: any Faults

    init(_ environment: [String: String]) throws(ConfigurationError) {
        var reader = SettingsReader(environment: environment)
        http = reader.httpServer(defaultPort: 8082)
        // Nothing behind a refused record may overtake it: then the producer ends instead.
        let kafka = ["enable.gapless.guarantee": "true"].merging(reader.kafka()) { $1 }
        self.kafka = kafka
        recordBytesLimit = kafka["message.max.bytes"].flatMap { Int($0) } ?? 1_000_000
        rotation = TickStore.RotationLimits(
            rowCount: Int64(
                reader.integer("WAYBILL_OUTBOX_ROTATION_ROWS", default: 1_000_000, in: 1...1_000_000_000)
            ),
            ageSeconds: Int64(
                reader.integer("WAYBILL_OUTBOX_ROTATION_SECONDS", default: 3_600, in: 1...31_536_000)
            )
        )
        leaseTTL = .seconds(reader.integer("WAYBILL_LEASE_SECONDS", default: 10, in: 2...300))
        faults = reader.faults()
        outboxes = Self.outboxes(&reader)
        try reader.finish()
    }

    /// `WAYBILL_OUTBOX_DATABASES`: `name=libpq-URI,name=libpq-URI`.
    private static func outboxes(
        _ reader: inout SettingsReader
    ) -> [(name: String, database: PostgresSettings)] {
        let text = reader.secret("WAYBILL_OUTBOX_DATABASES").reveal()
        return text.split(separator: ",").compactMap { pair in
            guard let equals = pair.firstIndex(of: "="), equals > pair.startIndex else {
                reader.report("WAYBILL_OUTBOX_DATABASES must be name=postgresql://…,name=postgresql://…")
                return nil
            }
            var settings = PostgresSettings(
                conninfo: String(pair[pair.index(after: equals)...]),
                applicationName: "waybill-outbox-relay"
            )
            settings.connectionLimit = 4
            // After an outage of the log one statement looks at everything that was written meanwhile.
            settings.statementTimeout = .seconds(300)
            return (String(pair[..<equals]), settings)
        }
    }
}
