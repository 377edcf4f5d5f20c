/// The programs a stack is made of, in start order.
public enum StackProgram: String, CaseIterable, Sendable {
    case devStore = "DevStore"
    case devBroker = "DevBroker"
    case outboxRelay = "OutboxRelay"
    case indexerService = "IndexerService"
    case uploadService = "UploadService"

    /// Whether it has the operational routes, and says with `/readyz` that it is ready.
    var hasHTTP: Bool { self != .devStore && self != .devBroker }
}

/// What a test may want otherwise. The defaults make everything happen soon.
public struct StackSettings: Sendable {
    public var trashRetentionSeconds = 3_600
    public var stallSeconds = 3
    public var sagaLeaseSeconds = 3
    public var relayLeaseSeconds = 2
    public var lateSeconds = 1
    /// Consumers come back soon after a kill, and clients soon after an outage.
    public var kafka =
        "session.timeout.ms=6000;heartbeat.interval.ms=500;reconnect.backoff.max.ms=500;log.connection.close=false"
    /// libpq URI of a PostgreSQL of the test's own; the one of all tests unless given.
    public var databaseServer: String?
    /// Whether the services reach PostgreSQL through `TestStack.databaseDoor`.
    public var hasDatabaseDoor = false
    /// Added to one program's environment, over everything else.
    public var extra: [StackProgram: [String: String]] = [:]

    public init() {}

    func environment(of program: StackProgram) -> [String: String] {
        let own: [String: String] =
            switch program {
            case .uploadService:
                [
                    "WAYBILL_TRASH_RETENTION_SECONDS": "\(trashRetentionSeconds)",
                    "WAYBILL_CANARY_INTERVAL_SECONDS": "0", "WAYBILL_CHECK_INTERVAL_SECONDS": "0",
                    "WAYBILL_STALL_SECONDS": "\(stallSeconds)",
                    "WAYBILL_SAGA_LEASE_SECONDS": "\(sagaLeaseSeconds)",
                    "WAYBILL_DATABASE_CONNECTIONS": "6",
                ]
            case .indexerService:
                [
                    "WAYBILL_LATE_SECONDS": "\(lateSeconds)",
                    "WAYBILL_SAGA_LEASE_SECONDS": "\(sagaLeaseSeconds)",
                    "WAYBILL_DATABASE_CONNECTIONS": "6",
                ]
            case .outboxRelay: ["WAYBILL_LEASE_SECONDS": "\(relayLeaseSeconds)"]
            case .devStore, .devBroker: [:]
            }
        return own.merging(extra[program] ?? [:]) { _, given in given }
    }
}
