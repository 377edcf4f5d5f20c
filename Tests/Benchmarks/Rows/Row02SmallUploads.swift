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
            Comparison("4 KiB upload, 16 clients: p99", unit: "ms", "waybill p99", better: .less),
        ]
    ) { site in
        let count = site.scaled(4_000, least: 64)
        let body = [UInt8](repeating: 0x77, count: 4_096)
        let deployment = try await Deployment(at: site)
        let service = try await deployment.start("UploadService")
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
            Side("direct") {
                let mark = Site.mark()
                let requests = try await deployment.bucket.puts(
                    (0..<count).map { "direct/\(mark)/\($0)" },
                    body
                )
                return try await Load.run(deployment.bucket.address.server, clients: 16, requests).perSecond
            },
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
