import PostgresClient

extension Row {
    static let search = Row(
        number: 14,
        title: "search p95 over 1 M documents ÷ sequential scan",
        comparisons: [
            Comparison(
                "search p95, 1 M documents ÷ sequential scan",
                unit: "ms",
                "search p95",
                over: "scan",
                better: .less,
                floor: 0.05,
                goal: 0.01
            )
        ]
    ) { site in
        let deployment = try await Deployment(at: site)
        try await Fill.documents(deployment, count: site.scaled(1_000_000, least: 10_000))
        let service = try await deployment.start("IndexerService")
        let searches = (0..<site.scaled(400, least: 100)).map {
            service.request("GET", "/api/v1/search?q=w\($0 * 37 % 20_000)")
        }
        return Trial(sides: [
            Side("search p95") {
                let outcome = try await Load.run(service.address, clients: 1, searches)
                return Statistics(outcome.latencies).quantile(0.95) * 1_000
            },
            Side("scan") {
                let time = try await seconds {
                    let rows = try await deployment.documents.pipeline([
                        BoundStatement(withoutIndexes),
                        BoundStatement(scan, Deployment.tenant, Deployment.owner, "w37"),
                    ])
                    guard rows.last?.isEmpty == false else { throw BenchFailure("the scan found nothing") }
                }
                return time * 1_000
            },
        ])
    }

    private static let withoutIndexes: Statement = """
        SELECT set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
               set_config('max_parallel_workers_per_gather', '0', true)
        """
    /// The service's own question.
    private static let scan: Statement = """
        SELECT file_id, name, ts_rank(d.search, wanted) AS rank
          FROM documents AS d, to_tsquery('simple', $3) AS wanted
         WHERE d.tenant = $1 AND d.owner = $2 AND d.state = 'LIVE' AND d.index_state <> 'REJECTED'
           AND d.search @@ wanted
         ORDER BY rank DESC, file_id LIMIT 21
        """
}
