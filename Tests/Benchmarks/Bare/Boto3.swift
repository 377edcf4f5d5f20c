/// boto3 in a process of its own; what it needs to start is not counted.
struct Boto3: Sendable {
    let python: String
    let bucket: Bucket

    /// - Returns: nil when the command line names no Python.
    init?(_ site: Site, _ bucket: Bucket) {
        guard let python = site.options.python else { return nil }
        self.python = python
        self.bucket = bucket
    }

    /// - Returns: how many a second.
    func rate(_ task: String, _ more: [String] = []) async throws -> Double {
        let text = try await Command.run(
            python,
            [Self.script, task, bucket.address.endpoint, bucket.name] + more,
            environment: [
                "AWS_ACCESS_KEY_ID": bucket.address.accessKey,
                "AWS_SECRET_ACCESS_KEY": bucket.address.secretKey,
            ]
        )
        let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard numbers.count == 2, numbers[0] > 0 else { throw BenchFailure("boto3 said: \(text)") }
        return numbers[1] / numbers[0]
    }

    /// Beside this file in the checkout the program was built from.
    private static var script: String {
        let parts = "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast(2).joined(separator: "/") + "/boto3_baselines.py"
    }
}
