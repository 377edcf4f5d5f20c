import PostgresClient
import ServiceBootstrap

/// The relay of a first version: ask every 100 ms for what has a higher number than the last.
struct PollingRelay: Sendable {
    let pool: PostgresPool
    let producer: ProducerLoan

    static let schema =
        "CREATE TABLE polled_outbox (id bigserial PRIMARY KEY, key text NOT NULL, payload bytea NOT NULL)"
    private static let append: Statement = "INSERT INTO polled_outbox (key, payload) VALUES ($1, $2)"
    private static let next: Statement =
        "SELECT id, key, payload FROM polled_outbox WHERE id > $1 ORDER BY id LIMIT 1000"

    static func write(_ key: String, _ payload: [UInt8], on pool: PostgresPool) async throws {
        _ = try await pool.execute(append, key, payload)
    }

    /// Runs until its task is cancelled.
    func run() async throws {
        let time = SystemTime()
        var last: Int64 = 0
        while !Task.isCancelled {
            let rows = try await pool.query(Self.next, last)
            let records = try rows.map {
                BareRecord(key: Array(try $0.text(1).utf8), value: try $0.bytes(2), headers: [])
            }
            if !records.isEmpty { try await producer.produce(records) }
            last = try rows.last?.int64(0) ?? last
            try await time.sleep(for: .milliseconds(100))
        }
    }
}
