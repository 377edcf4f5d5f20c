import Determinism
import PostgresClient

extension Row {
    /// Whether what is there already makes anything slower.
    static let deepPages = Row(
        number: 13,
        title: "list page 10 000 ÷ page 1 latency; upload + delete cost at 1 M rows ÷ at 10 k",
        comparisons: [
            Comparison(
                "list: page 10 000 ÷ page 1",
                unit: "ms",
                "last page",
                over: "first page",
                better: .less,
                floor: 1.3,
                goal: 1.05
            ),
            Comparison(
                "upload + delete at 1 M rows ÷ 10 k",
                unit: "ms",
                "many",
                over: "few",
                better: .less,
                floor: 1.3,
                goal: 1.1
            ),
        ]
    ) { site in
        let (few, many) = (site.scaled(10_000, least: 1_000), site.scaled(1_000_000, least: 20_000))
        let repetitions = site.scaled(300, least: 50)
        var services: [String: Service] = [:]
        var cursor = ""
        for (name, count) in [("few", few), ("many", many)] {
            let deployment = try await Deployment(at: site)
            try await Fill.files(deployment, to: count)
            services[name] = try await deployment.start("UploadService")
            // The page size is a hundredth of a hundredth: page 10 000 is the last full one.
            cursor = try await deployment.uploads.query(cursorQuery, count - 2 * pageSize).only().text(0)
        }
        guard let small = services["few"], let large = services["many"] else { return Trial(sides: []) }
        let first = large.request("GET", "/api/v1/files?limit=\(pageSize)")
        let last = large.request("GET", "/api/v1/files?limit=\(pageSize)&cursor=\(cursor)")
        return Trial(sides: [
            Side("first page") { try await median(of: first, repetitions, large) },
            Side("last page") { try await median(of: last, repetitions, large) },
            Side("few") { try await uploadAndDelete(repetitions, small) },
            Side("many") { try await uploadAndDelete(repetitions, large) },
        ])
    }

    private static let pageSize = 100
    private static let cursorQuery: Statement =
        "SELECT id::text FROM files WHERE state = 'AVAILABLE' ORDER BY id DESC OFFSET $1 LIMIT 1"

    /// Milliseconds.
    private static func median(of request: BareRequest, _ count: Int, _ service: Service) async throws
        -> Double
    {
        let requests = [BareRequest](repeating: request, count: count)
        return Statistics(try await Load.run(service.address, clients: 1, requests).latencies).median * 1_000
    }

    /// Milliseconds for one file to come and go.
    private static func uploadAndDelete(_ count: Int, _ service: Service) async throws -> Double {
        let body = [UInt8](repeating: 0x77, count: 4_096)
        let latencies = try await onThread {
            Result {
                let connection = try BareConnection(service.address)
                return try (0..<count).map { _ in
                    let begin = Clock.uptime
                    let answer = try connection.exchange(service.upload(Site.mark(), body), keepsBody: true)
                    guard let id = try /"id":"([0-9a-f-]+)"/.firstMatch(in: answer.text)?.1 else {
                        throw BenchFailure("the upload was answered \(answer.status): \(answer.text)")
                    }
                    let gone = try connection.exchange(service.request("DELETE", "/api/v1/files/\(id)"))
                    guard (200...204).contains(gone.status) else {
                        throw BenchFailure("DELETE: \(gone.status)")
                    }
                    return (Clock.uptime - begin).inSeconds
                }
            }
        }.get()
        return Statistics(latencies).median * 1_000
    }
}
