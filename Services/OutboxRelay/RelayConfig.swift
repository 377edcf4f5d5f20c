import FaultPoints
import HTTPServing
import PostgresClient
import ServiceBootstrap
import ServiceSettings

/// What an operator sets. Read once; every problem is reported at once.
struct RelayConfig: Sendable {
    let http: HTTPServerSettings
    let kafka: [String: String]
    /// One relay per outbox, by name.
    let outboxes: [(name: String, database: PostgresSettings)]
    let leaseTTL: Duration
    let faults: any Faults

    init(_ environment: [String: String]) throws(ConfigurationError) {
        var reader = SettingsReader(environment: environment)
        http = reader.httpServer(defaultPort: 8082)
        kafka = reader.kafka()
        leaseTTL = reader.duration(
            "WAYBILL_LEASE_SECONDS",
            default: .seconds(10),
            in: .seconds(2)...(.seconds(300))
        )
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
            return (String(pair[..<equals]), settings)
        }
    }
}
