internal import Determinism
internal import Leases
public import PostgresClient
public import ServiceBootstrap
public import TransactionalOutbox

/// Aggregates whose every change appends one event, as a service does it, and writers that disturb each other.
public struct OutboxWorld: Sendable {
    public let pool: PostgresPool
    public let time = SystemTime()
    public let random = SystemRandom()

    public static func with<Value: Sendable>(_ body: (OutboxWorld) async throws -> Value) async throws
        -> Value
    {
        try await TestDatabase.withSchema {
            $0.connectionLimit = 24
        } _: { pool in
            try await Migrator.migrate(
                [
                    Migration(
                        number: 1,
                        name: "outbox",
                        sql: OutboxSchema.version1 + OutboxSchema.version2 + OutboxSchema.version3
                            + OutboxSchema.version4 + OutboxSchema.version5 + LeaseStore.schema + aggregates
                    )
                ],
                on: pool
            )
            return try await body(OutboxWorld(pool: pool))
        }
    }

    private static let aggregates = """
        CREATE TABLE aggregates (key text PRIMARY KEY, version bigint NOT NULL);
        """
    private static let lockAndRaise: Statement = """
        INSERT INTO aggregates VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET version = aggregates.version + 1
        RETURNING version
        """
    private static let versions: Statement = "SELECT key, version FROM aggregates ORDER BY key"
    private static let nothing: Statement = "SELECT"
    private static let savepoint: Statement = "SAVEPOINT attempt"
    private static let rollBackToSavepoint: Statement = "ROLLBACK TO SAVEPOINT attempt"
    private static let pause: Statement = "SELECT pg_sleep($1::bigint / 1000000.0)"

    /// Raises the aggregate's version and appends the event of it.
    public func change(_ key: String, byteCount: Int = 20, in tx: borrowing Transaction) async throws {
        guard let row = try await tx.query(Self.lockAndRaise, key).first else { throw Abandoned() }
        try Outbox.append(try event(key, try row.int64(0), byteCount), in: tx)
        // The row travels with the next statement: who holds the transaction open holds a row that is there.
        _ = try await tx.query(Self.nothing)
    }

    public func change(_ key: String, byteCount: Int = 20) async throws {
        try await transact { try await change(key, byteCount: byteCount, in: $0) }
    }

    public func event(_ key: String, _ version: Int64, _ byteCount: Int = 20) throws -> OutboxEvent {
        let text = "\(key).\(version) "
        return try OutboxEvent(
            id: "\(key).\(version)",
            topic: "t",
            key: key,
            version: version,
            headers: [("ce_id", "\(key).\(version)"), ("empty", "")],
            payload: Array(text.utf8) + Array(repeating: 46, count: max(0, byteCount - text.utf8.count))
        )
    }

    public struct Abandoned: Error { public init() {} }

    /// One transaction that may roll itself back with `Abandoned`.
    public func transact(_ body: @Sendable (borrowing Transaction) async throws -> Void) async throws {
        do {
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try await body(tx)
            }
        } catch {
            guard case .rolledBack(let failure) = error, failure is Abandoned else { throw error }
        }
    }

    /// Writes until `deadline`: one to three keys per transaction, random delays before the commit, one in eight
    /// rolled back, one in four with a savepoint that is rolled back.
    public func write(until deadline: Duration, keyCount: Int) async throws {
        try await write(keyCount: keyCount) { time.uptime >= deadline }
    }

    /// The same until `isOver`.
    public func write(keyCount: Int, until isOver: () -> Bool) async throws {
        while !isOver() {
            let keys = Set(
                (0...random.uniform(below: 3)).map { _ in "k\(random.uniform(below: UInt64(keyCount)))" }
            )
            try await transact { tx in
                for key in keys.sorted() {
                    if random.uniform(below: 4) == 0 {
                        try await tx.execute(Self.savepoint)
                        try await change(key, in: tx)
                        try await tx.execute(Self.rollBackToSavepoint)
                    }
                    try await change(key, in: tx)
                    try await sleepAtTimes(in: tx)
                }
                if random.uniform(below: 8) == 0 { throw Abandoned() }
            }
        }
    }

    /// Appends, and commits at `deadline` only.
    public func hold(_ key: String, until deadline: Duration) async throws {
        try await transact { tx in
            try await change(key, in: tx)
            while time.uptime < deadline { try await time.sleep(for: .milliseconds(20)) }
        }
    }

    /// Keeps a writing transaction open that appends nothing, and rolls back.
    public func holdWithoutAppending(until deadline: Duration) async throws {
        try await transact { tx in
            try await tx.execute(Self.lockAndRaise, "idle")
            while time.uptime < deadline { try await time.sleep(for: .milliseconds(20)) }
            throw Abandoned()
        }
    }

    private func sleepAtTimes(in tx: borrowing Transaction) async throws {
        guard random.uniform(below: 3) == 0 else { return }
        _ = try await tx.query(Self.pause, Int64(random.uniform(below: 4_000)))
    }

    /// How many versions of each key are committed.
    public func committed() async throws -> [String: Int64] {
        var versions: [String: Int64] = [:]
        for row in try await pool.query(Self.versions) { versions[try row.text(0)] = try row.int64(1) }
        return versions
    }
}
