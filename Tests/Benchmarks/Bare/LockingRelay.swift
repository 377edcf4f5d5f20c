import EventContracts
import PostgresClient
import ServiceBootstrap

/// The relay that many systems have: rows are locked past each other's, published and deleted.
struct LockingRelay: Sendable {
    let pool: PostgresPool
    let producer: ProducerLoan
    private static let batchRowCount = 1_000

    /// The same columns as our outbox, and what such a relay needs.
    static let schema = """
        CREATE TABLE locking_outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id text NOT NULL, topic text NOT NULL,
            key text NOT NULL, version bigint NOT NULL, headers text[] NOT NULL, payload bytea NOT NULL,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp())
        """
    private static let fill: Statement = """
        INSERT INTO locking_outbox (event_id, topic, key, version, headers, payload)
        SELECT key || '.1', $2, key, 1, $3::text[], $4
          FROM (SELECT gen_random_uuid()::text AS key FROM generate_series(1, $1::int)) keys
        """
    private static let append: Statement = """
        INSERT INTO locking_outbox (event_id, topic, key, version, headers, payload)
        VALUES ($1 || '.1', $2, $1, 1, $3::text[], $4)
        """
    private static let take: Statement = """
        SELECT id, key, headers, payload FROM locking_outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
        """
    private static let delete: Statement = "DELETE FROM locking_outbox WHERE id = ANY ($1)"

    func write(_ count: Int) async throws {
        let event = try Events.sample()
        let headers = event.headers.flatMap { [$0.name, String(decoding: $0.value, as: UTF8.self)] }
        _ = try await pool.execute(Self.fill, count, Events.topic, headers, event.payload)
    }

    func write(_ key: String, _ headers: [String], _ payload: [UInt8]) async throws {
        _ = try await pool.execute(Self.append, key, Events.topic, headers, payload)
    }

    /// Asks every 100 ms, until its task is cancelled.
    func poll() async throws {
        let time = SystemTime()
        while !Task.isCancelled {
            try await drain()
            try await time.sleep(for: .milliseconds(100))
        }
    }

    /// Publishes until nothing is left.
    func drain() async throws {
        while try await publishBatch() {}
    }

    private func publishBatch() async throws -> Bool {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
            let rows = try await tx.query(Self.take, Self.batchRowCount)
            guard !rows.isEmpty else { return false }
            let records = try rows.map { row in
                let pairs = try row.textArray(2)
                return BareRecord(
                    key: Array(try row.text(1).utf8),
                    value: try row.bytes(3),
                    headers: stride(from: 0, to: pairs.count, by: 2).map {
                        (pairs[$0], Array(pairs[$0 + 1].utf8))
                    }
                )
            }
            try await producer.produce(records)
            _ = try await tx.execute(Self.delete, try rows.map { try $0.int64(0) })
            return true
        }
    }
}
