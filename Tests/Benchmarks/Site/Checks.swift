import Foundation

/// Consistency checks as an operator runs them.
extension Service {
    /// Runs a full check without reading bytes back, and waits for its end.
    ///
    /// - Parameter objectCount: what it must have seen; everything must agree.
    /// - Returns: how long it ran, in seconds, by the service's own log: waiting for a process to take it up is not counted.
    func check(objectCount: Int) async throws -> Double {
        let path = "/api/v1/uploads/consistency-check"
        let begun = try await send(request("POST", "\(path)?mode=full&digests=none"))
        guard let id = try /"id":"([0-9a-f-]+)"/.firstMatch(in: begun.text)?.1 else {
            throw BenchFailure("the check was answered \(begun.status): \(begun.text)")
        }
        try await eventually(within: .seconds(3_600), every: .milliseconds(50), "the check ends") {
            try await !send(request("GET", "\(path)/\(id)")).text.contains(#""state":"RUNNING""#)
        }
        let report = try await send(request("GET", "\(path)/\(id)")).text.filter { $0 != " " }
        // It cannot call itself complete: there is no index to compare with. What it did compare must agree.
        guard report.contains(#""state":"COMPLETED""#), report.contains(#""objects":\#(objectCount),"#),
            report.firstMatch(of: /"counts":\{[^}]*:[1-9]/) == nil
        else {
            throw BenchFailure(
                "the check did not find \(objectCount) objects in order: \(report.prefix(2_000))"
            )
        }
        return try duration(of: String(id))
    }

    private func duration(of check: String) throws -> Double {
        let lines = try String(contentsOfFile: program.log, encoding: .utf8).split(separator: "\n")
            .filter { $0.contains(check) }
        func time(_ words: String) throws -> Date {
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            guard let line = lines.last(where: { $0.contains(words) }),
                let text = try /"ts":"([^"]+)"/.firstMatch(in: line)?.1
            else { throw BenchFailure("the log does not say when the \(words)") }
            return try style.parse(String(text))
        }
        return try time("consistency check ended").timeIntervalSince(try time("consistency check runs"))
    }
}

extension Deployment {
    /// UploadService whose checks go as fast as they can, on so many ranges at the same time.
    func startChecker(ranges: Int) async throws -> Service {
        try await start(
            "UploadService",
            [
                "WAYBILL_CHECK_RANGES": "\(ranges)", "WAYBILL_CHECK_REQUESTS_PER_SECOND": "100000",
                "WAYBILL_CHECK_RECHECK_MILLISECONDS": "50",
            ]
        )
    }
}
