import ObjectStore

extension Row {
    /// What comparing costs beside listing.
    static let consistencyCheck = Row(
        number: 9,
        title:
            "consistency check objects/s ÷ bare ListObjectsV2 loop of the same client; ÷ boto3's paginator; ranges",
        comparisons: [
            Comparison(
                "check, 4 ranges at once ÷ bare listing loop",
                unit: "objects/s",
                "four",
                over: "listing",
                floor: 0.9,
                goal: 0.98
            ),
            Comparison(
                "check, 4 ranges at once ÷ boto3's paginator",
                unit: "objects/s",
                "four",
                over: "boto3",
                floor: 2.5,
                goal: 4
            ),
            Comparison(
                "check: 4 ranges at once ÷ one",
                unit: "objects/s",
                "four",
                over: "one",
                floor: 1.3,
                goal: 1.8
            ),
        ]
    ) { site in
        // Several ranges of 50 000 rows each. Four at once is what an installation has unless told otherwise.
        let count = site.scaled(200_000, least: 2_000)
        let deployment = try await Deployment(at: site)
        try await Fill.files(deployment, to: count)
        try await Fill.objects(of: deployment)
        let boto3 = Boto3(site, deployment.bucket)
        var sides = [
            side("four", deployment, ranges: 4, count),
            Side("listing") {
                try await deployment.bucket.withStore { store in
                    Double(count) / (try await seconds { try await list(store, atLeast: count) })
                }
            },
            side("one", deployment, ranges: 1, count),
        ]
        if let boto3 { sides.append(Side("boto3") { try await boto3.rate("list") }) }
        return Trial(sides: sides)
    }

    private static func side(_ name: String, _ deployment: Deployment, ranges: Int, _ count: Int) -> Side {
        Side(name) {
            let service = try await deployment.startChecker(ranges: ranges)
            let took = try await service.check(objectCount: count)
            await service.program.stop()
            return Double(count) / took
        }
    }

    private static func list(_ store: S3Store, atLeast count: Int) async throws {
        var (seen, token) = (0, String?.none)
        repeat {
            let page = try await store.list(
                prefix: "",
                startAfter: nil,
                continuationToken: token,
                limit: 1_000
            )
            seen += page.objects.count
            token = page.nextToken
        } while token != nil
        guard seen >= count else { throw BenchFailure("the listing had \(seen) of \(count) objects") }
    }
}
