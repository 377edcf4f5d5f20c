import PostgresClient

extension Row {
    /// Reading by snapshots against locking and deleting; and what an old transaction does to it.
    static let relayOrLocks = Row(
        number: 6,
        title: "relay ÷ a SKIP LOCKED + DELETE relay; with an old transaction held open ÷ free; dead rows",
        comparisons: [
            Comparison(
                "relay ÷ SKIP LOCKED + DELETE relay",
                unit: "events/s",
                "relay",
                over: "locking",
                floor: 1.5,
                goal: 2
            ),
            Comparison(
                "relay, old transaction open ÷ free",
                unit: "events/s",
                "held",
                over: "relay",
                floor: 0.8,
                goal: 0.95
            ),
            Comparison("dead rows in the outbox", unit: "rows", "dead rows", better: .less, goal: 0),
            Comparison("dead rows in the locked table", unit: "rows", "locking dead rows", better: .less),
        ]
    ) { site in
        // Over a million events go through the outbox in the warm-up and five rounds.
        let count = site.scaled(90_000, least: 1_000)
        let deployment = try await Deployment(at: site)
        let pool = deployment.uploads
        _ = try await deployment.start("OutboxRelay")
        try await Command.psql(deployment.uploadDatabase, LockingRelay.schema)
        let locking = LockingRelay(
            pool: pool,
            producer: try ProducerLoan(deployment.brokers, topic: Events.topic)
        )
        let publish = { @Sendable () async throws -> Double in
            let transaction = try await Events.write(count, on: pool)
            return Double(count)
                / (try await seconds { try await Events.arePublished(transaction, on: pool) })
        }
        return Trial(sides: [
            Side("relay", publish),
            Side("locking") {
                try await locking.write(count)
                return Double(count) / (try await seconds { try await locking.drain() })
            },
            Side("held") {
                try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Double in
                    _ = try await tx.query(transactionID)
                    return try await publish()
                }
            },
            Side(
                "dead rows",
                measures: {
                    [
                        "dead rows": try await pool.query(deadRows, "outbox\\__").only().double(0),
                        "locking dead rows": try await pool.query(deadRows, "locking\\_outbox").only().double(
                            0
                        ),
                    ]
                }
            ),
        ])
    }

    private static let transactionID: Statement = "SELECT pg_current_xact_id()::text"
    private static let deadRows: Statement = """
        SELECT coalesce(sum(n_dead_tup), 0)::float8 FROM pg_stat_user_tables WHERE relname LIKE $1
        """
}
