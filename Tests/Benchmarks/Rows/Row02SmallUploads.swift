extension Row {
    /// What three round trips to the database cost a small file.
    static let smallUploads = Row(
        number: 2,
        title: "4 KiB uploads/s, 16 clients ÷ direct PUTs/s, 16 clients",
        comparisons: [
            Comparison(
                "4 KiB uploads, 16 clients ÷ direct PUTs",
                unit: "/s",
                "waybill",
                over: "direct",
                floor: 0.5,
                goal: 0.7
            ),
            Comparison("… a bare service ÷ direct PUTs", unit: "/s", "bare", over: "direct"),
            Comparison("… through Waybill ÷ that service", unit: "/s", "waybill", over: "bare"),
            Comparison("4 KiB upload, 16 clients: p99", unit: "ms", "waybill p99", better: .less),
        ]
    ) { site in
        let count = site.scaled(4_000, least: 64)
        let body = [UInt8](repeating: 0x77, count: 4_096)
        let deployment = try await Deployment(at: site)
        let service = try await deployment.start("UploadService")
        let bare = try await site.startBareService(.storing, deployment)
        let put = { @Sendable (server: ServerAddress) async throws -> Double in
            let mark = Site.mark()
            let keys = (0..<count).map { "direct/\(mark)/\($0)" }
            return try await Load.run(server, clients: 16, try await deployment.bucket.puts(keys, body))
                .perSecond
        }
        return Trial(sides: [
            Side(
                "waybill",
                measures: {
                    let mark = Site.mark()
                    let requests = (0..<count).map { service.upload("\(mark)-\($0)", body) }
                    let outcome = try await Load.run(service.address, clients: 16, requests)
                    let p99 = Statistics(outcome.latencies).quantile(0.99)
                    return ["waybill": outcome.perSecond, "waybill p99": p99 * 1_000]
                }
            ),
            Side("direct") { try await put(deployment.bucket.address.server) },
            Side("bare") { try await put(bare) },
        ])
    }
}

extension Service {
    func upload(_ name: String, _ body: [UInt8]) -> BareRequest {
        request(
            "POST",
            "/api/v1/files?name=\(name)",
            fields: ["content-type: application/octet-stream"],
            body: body
        )
    }
}
