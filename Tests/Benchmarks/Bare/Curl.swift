import Foundation

/// curl, as anyone would use it: for large bodies, where what it costs is the same on both sides.
enum Curl {
    /// - Returns: the seconds curl says it took, and the body.
    static func run(_ url: String, _ options: [String], token: String? = nil) async throws -> (
        seconds: Double, body: String
    ) {
        // Nobody here waits for `100 Continue`: curl would wait a second for a server that does not send it.
        let fields =
            ["--header", "expect:"] + (token.map { ["--header", "authorization: Bearer \($0)"] } ?? [])
        let text = try await Command.run(
            "/usr/bin/curl",
            ["--silent", "--show-error", "--fail-with-body", "--write-out", "\n%{time_total}"] + fields
                + options + [url]
        )
        guard let end = text.lastIndex(of: "\n"), let seconds = Double(text[text.index(after: end)...]) else {
            throw BenchFailure("curl told no time: \(text.suffix(200))")
        }
        return (seconds, String(text[..<end]))
    }
}
