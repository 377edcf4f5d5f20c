import Foundation
import TestSupport
import Testing

/// The whole way of a file, seen with clients that nobody here wrote: curl, kcat and psql.
@Suite("A file goes in and comes out; deleted, it is gone everywhere", .serialized, .timeLimit(.minutes(5)))
struct WholeWayTests {
    @Test func inThroughCurlFoundDownloadedDeletedAndGone() async throws {
        try await TestStack.with { stack in
            let sources = try Sources()
            defer { sources.remove() }
            let raw = try await curl(stack, "-T", sources.text, "?name=story.txt", "-X", "POST")
            let form = try await curl(
                stack,
                "-F",
                "note=x",
                "-F",
                "file=@\(sources.large);type=application/pdf"
            )
            let twin = try await curl(stack, "-T", sources.text, "?name=story.txt", "-X", "POST")
            #expect(raw.status == 201)
            #expect(form.status == 201)
            #expect(twin.status == 409)
            #expect(twin.json["message"] as? String != nil)
            let text = try #require(raw.json["id"] as? String)
            let large = try #require(form.json["id"] as? String)
            stack.remember(text, "story.txt", Array(try Data(contentsOf: URL(filePath: sources.text))))
            stack.remember(large, "large.bin", Array(try Data(contentsOf: URL(filePath: sources.large))))

            try await stack.searchFinds("okapi", [text])
            let back = try await TestCommand.run(
                "/usr/bin/curl",
                [
                    "-sS", "-H", "authorization: Bearer \(stack.token)", "-o", sources.back,
                    "\(try stack.url(of: .uploadService))/api/v1/files/\(large)/content",
                ]
            )
            #expect(back.isSuccess)
            #expect(try await TestCommand.run("/usr/bin/cmp", [sources.large, sources.back]).isSuccess)

            try await stack.delete(text)
            #expect(try await stack.content(text).status == 404)
            try await stack.searchFinds("okapi", [])
            try await stack.restore(text)
            try await stack.searchFinds("okapi", [text])
            try await stack.delete(text, purge: true)
            try await stack.becomesQuiet()
            #expect(try await stack.keys().count == 1)
            try await stack.isSound()

            let rows = try await TestCommand.run(
                "/usr/bin/psql",
                [stack.uploadDatabaseURL, "-XAtc", "SELECT state, version FROM files ORDER BY state"]
            )
            #expect(rows.output == "AVAILABLE|1\nPURGED|6\n")
            let types = try await kcatTypes(stack, key: text)
            #expect(types == Self.life)
        }
    }

    /// As kcat shows the headers of one file's records.
    private static let life = [
        "file.stored", "file.deleted", "file.restored", "file.deleted", "file.purging", "file.purged",
    ]

    private func kcatTypes(_ stack: TestStack, key: String) async throws -> [String] {
        let broker = "127.0.0.1:\(try stack.port(of: .devBroker))"
        let seen = try await TestCommand.run(
            "/usr/bin/kcat",
            ["-b", broker, "-t", TestStack.filesTopic, "-C", "-e", "-q", "-o", "beginning", "-f", "%k %h\n"]
        )
        return seen.output.split(separator: "\n").filter { $0.hasPrefix(key) }.compactMap { line in
            line.split(separator: ",").first { $0.contains("ce_type=") }?.split(separator: "=").last.map(
                String.init
            )
        }
    }

    private func curl(_ stack: TestStack, _ arguments: String...) async throws -> (
        status: Int, json: [String: Any]
    ) {
        let query = arguments.first { $0.hasPrefix("?") } ?? ""
        let answer = try await TestCommand.run(
            "/usr/bin/curl",
            ["-sS", "-w", "\n%{http_code}", "-H", "authorization: Bearer \(stack.token)"]
                + arguments.filter { !$0.hasPrefix("?") }
                + ["\(try stack.url(of: .uploadService))/api/v1/files\(query)"]
        )
        let lines = answer.output.split(separator: "\n")
        let body = try? JSONSerialization.jsonObject(with: Data(lines.dropLast().joined().utf8))
        return (lines.last.flatMap { Int($0) } ?? 0, body as? [String: Any] ?? [:])
    }
}

/// Files of this test on disk.
private struct Sources {
    private let folder: String
    var text: String { folder + "/story.txt" }
    var large: String { folder + "/large.bin" }
    var back: String { folder + "/back.bin" }

    /// The large one is longer than one part of a multipart upload.
    init() throws {
        folder = NSTemporaryDirectory() + "waybill-\(ProcessInfo.processInfo.globallyUniqueString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("An okapi walks through the forest.\n".utf8).write(to: URL(filePath: text))
        var state: UInt64 = 42
        var bytes = [UInt8](repeating: 0, count: 19 << 20)
        for index in bytes.indices {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            bytes[index] = UInt8(truncatingIfNeeded: state >> 33)
        }
        try Data(bytes).write(to: URL(filePath: large))
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }
}
