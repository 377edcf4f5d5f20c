import PostgresClient

extension Row {
    /// What the frame, the token and one query cost beside the HTTP server.
    static let metadata = Row(
        number: 12,
        title: "metadata GET req/s ÷ bare Hummingbird \"hello\", 16 clients",
        comparisons: [
            Comparison(
                "metadata GET ÷ Hummingbird \"hello\"",
                unit: "/s",
                "metadata",
                over: "hello",
                floor: 0.35,
                goal: 0.5
            ),
            Comparison("… \"hello\" with one query ÷ \"hello\"", unit: "/s", "query", over: "hello"),
            Comparison("… through Waybill ÷ that", unit: "/s", "metadata", over: "query"),
            Comparison("… a bare reader ÷ \"hello\"", unit: "/s", "bare", over: "hello"),
            Comparison("… through Waybill ÷ that reader", unit: "/s", "metadata", over: "bare"),
        ]
    ) { site in
        let count = site.scaled(20_000, least: 200)
        let deployment = try await Deployment(at: site)
        try await Fill.files(deployment, to: 1_000)
        let service = try await deployment.start("UploadService")
        let ids = try await deployment.uploads.query("SELECT id::text FROM files").map { try $0.text(0) }
        let reads = (0..<count).map { service.request("GET", "/api/v1/files/\(ids[$0 % ids.count])") }
        let questions = (0..<count).map { service.request("GET", "/files/\(ids[$0 % ids.count])") }
        let bare = try await site.startBareService(.reading, deployment)
        let hello = try await site.startHello(deployment)
        let greetings = [BareRequest](
            repeating: BareRequest("GET", "/hello", host: "127.0.0.1"),
            count: count
        )
        return Trial(sides: [
            Side("metadata") { try await Load.run(service.address, clients: 16, reads).perSecond },
            Side("query") { try await Load.run(hello, clients: 16, questions).perSecond },
            Side("bare") { try await Load.run(bare, clients: 16, reads).perSecond },
            Side("hello") { try await Load.run(hello, clients: 16, greetings).perSecond },
        ])
    }
}

extension Site {
    fileprivate func startHello(_ deployment: Deployment) async throws -> ServerAddress {
        let portFile = "\(folder)/hello.port"
        let program = try Program(
            "Benchmarks",
            ["--hello", portFile, deployment.uploadDatabase],
            log: "\(folder)/hello.log",
            children: children
        )
        atEndOfRow { await program.stop() }
        return ServerAddress(port: try await program.port(in: portFile))
    }
}
