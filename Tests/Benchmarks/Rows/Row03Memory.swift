extension Row {
    /// Whether memory depends on how much is uploaded, or by how many.
    static let memory = Row(
        number: 3,
        title: "peak memory above idle: 5 GiB stream of unknown length; 32 parallel uploads of 64 MiB",
        comparisons: [
            Comparison(
                "peak above idle: 5 GiB stream",
                unit: "MiB",
                "stream",
                better: .less,
                floor: 96,
                goal: 48
            ),
            Comparison(
                "peak above idle: 32 × 64 MiB",
                unit: "MiB",
                "parallel",
                better: .less,
                floor: 256,
                goal: 160
            ),
        ],
        warmUpCount: 0
    ) { site in
        let streamBytes = site.scaled(5 << 30, least: 16 << 20)
        let partBytes = site.scaled(64 << 20, least: 1 << 20)
        let deployment = try await Deployment(at: site)
        let file = try await site.randomFile(partBytes)
        return Trial(sides: [
            Side("stream") {
                try await peakAboveIdle(deployment) { service in
                    // From a pipe: curl cannot say how much will come.
                    let command = """
                        openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero 2>/dev/null | head --bytes=\(streamBytes) |
                        curl --silent --show-error --fail-with-body --request POST --header expect: --upload-file - \
                        --header 'authorization: Bearer \(service.token)' '\(service.url)/api/v1/files?name=\(Site.mark())'
                        """
                    try await Command.run("/bin/sh", ["-c", command])
                }
            },
            Side("parallel") {
                try await peakAboveIdle(deployment) { service in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<32 {
                            group.addTask {
                                _ = try await Curl.run(
                                    "\(service.url)/api/v1/files?name=\(Site.mark())",
                                    ["--request", "POST", "--upload-file", file],
                                    token: service.token
                                )
                            }
                        }
                        try await group.waitForAll()
                    }
                }
            },
        ])
    }

    /// MiB, of a service that has done nothing else.
    private static func peakAboveIdle(
        _ deployment: Deployment,
        _ work: (Service) async throws -> Void
    ) async throws -> Double {
        let service = try await deployment.start("UploadService")
        let idle = try service.program.memoryMiB("VmRSS")
        try await work(service)
        let peak = try service.program.memoryMiB("VmHWM")
        await service.program.stop()
        try await deployment.bucket.empty(prefix: "\(Deployment.tenant)/")
        return peak - idle
    }
}
