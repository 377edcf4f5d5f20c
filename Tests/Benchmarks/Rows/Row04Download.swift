import ObjectStore

extension Row {
    static let download = Row(
        number: 4,
        title: "1 GiB download through Waybill ÷ direct GET",
        comparisons: [
            Comparison(
                "1 GiB download ÷ direct GET",
                unit: "MB/s",
                "waybill",
                over: "direct",
                floor: 0.75,
                goal: 0.95
            ),
            Comparison("… a bare proxy ÷ direct GET", unit: "MB/s", "proxy", over: "direct"),
            Comparison("… through Waybill ÷ that proxy", unit: "MB/s", "waybill", over: "proxy"),
        ]
    ) { site in
        let bytes = site.scaled(1 << 30, least: 1 << 20)
        let deployment = try await Deployment(at: site)
        let service = try await deployment.start("UploadService")
        let file = try await site.randomFile(bytes)
        let (_, answer) = try await Curl.run(
            "\(service.url)/api/v1/files?name=download",
            ["--request", "POST", "--upload-file", file],
            token: service.token
        )
        guard let id = try /"id":"([0-9a-f-]+)"/.firstMatch(in: answer)?.1,
            let key = try await deployment.bucket.withStore({ store in
                try await store.list(
                    prefix: "\(Deployment.tenant)/",
                    startAfter: nil,
                    continuationToken: nil,
                    limit: 1
                )
            }).objects.first?.key
        else { throw BenchFailure("the upload was answered \(answer)") }
        let proxy = try await site.startProxy(.copying)
        let get = { @Sendable (options: [String]) async throws -> Double in
            let url = try await deployment.bucket.withStore {
                try $0.presign(.get(key: key), expiresIn: .seconds(3_600))
            }
            let (seconds, _) = try await Curl.run(url, ["--output", "/dev/null"] + options)
            return Double(bytes) / 1e6 / seconds
        }
        let content = "\(service.url)/api/v1/files/\(id)/content"
        return Trial(sides: [
            Side("waybill") {
                let (seconds, _) = try await Curl.run(
                    content,
                    ["--output", "/dev/null"],
                    token: service.token
                )
                return Double(bytes) / 1e6 / seconds
            },
            Side("direct") { try await get([]) },
            Side("proxy") { try await get(Curl.through(proxy, to: site.store)) },
        ])
    }
}
