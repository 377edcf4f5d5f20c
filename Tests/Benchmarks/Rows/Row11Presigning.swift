import ObjectStore

extension Row {
    static let presigning = Row(
        number: 11,
        title: "presigned URLs/s ÷ boto3; initiate p99",
        comparisons: [
            Comparison(
                "presigned URLs ÷ boto3, one thread each",
                unit: "/s",
                "waybill",
                over: "boto3",
                floor: 30,
                goal: 100
            ),
            Comparison(
                "initiate an upload session: p99, 1 client",
                unit: "ms",
                "initiate p99",
                better: .less,
                floor: 20,
                goal: 5
            ),
        ]
    ) { site in
        let count = site.scaled(50_000, least: 1_000)
        let deployment = try await Deployment(at: site)
        let service = try await deployment.start("UploadService")
        let boto3 = Boto3(site, deployment.bucket)
        var sides = [
            Side("waybill") {
                try await deployment.bucket.withStore { store in
                    Double(count) / (try await seconds { try presign(store, count) })
                }
            }
        ]
        if let boto3 { sides.append(Side("boto3") { try await boto3.rate("presign", ["\(count / 25)"]) }) }
        sides.append(
            Side("initiate p99") {
                let requests = (0..<site.scaled(1_000, least: 100)).map { _ in
                    service.request(
                        "POST",
                        "/api/v1/uploads",
                        fields: ["content-type: application/json"],
                        body: Array(#"{"name":"\#(Site.mark())","size":104857600,"url_count":10}"#.utf8)
                    )
                }
                let outcome = try await Load.run(service.address, clients: 1, requests)
                return Statistics(outcome.latencies).quantile(0.99) * 1_000
            }
        )
        return Trial(sides: sides)
    }

    private static func presign(_ store: S3Store, _ count: Int) throws {
        for number in 0..<count {
            _ = try store.presign(
                .put(key: "bench/2026/01/\(number)", length: 4_096),
                expiresIn: .seconds(1_800)
            )
        }
    }
}
