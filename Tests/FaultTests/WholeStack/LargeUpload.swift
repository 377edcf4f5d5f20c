import Digests
import Foundation
import PostgresClient
import TestSupport
import Testing

/// A file of many parts, and the client that brings it in however often it or the service dies.
///
/// 32 MiB, or as many as `WAYBILL_TEST_LARGE_MIB` says.
struct LargeUpload: Sendable {
    static let partSize = 5 << 20
    /// Parts on their way at once: with one, no death may cost more than one.
    static let parallel = 1

    let stack: TestStack
    let isDirect: Bool
    let partCount: Int
    private let folder: String
    private let size: Int
    private let sha256: String

    /// Lends a stack whose UploadService keeps its address over restarts, and in which each part takes a moment.
    static func with(isDirect: Bool = false, _ body: (LargeUpload) async throws -> Void) async throws {
        var settings = StackSettings()
        settings.extra[.uploadService] = ["WAYBILL_HTTP_PORT": "\(try freePort())"]
        try await TestStack.with(settings) { stack in
            let upload = try LargeUpload(stack, isDirect: isDirect)
            defer { try? FileManager.default.removeItem(atPath: upload.folder) }
            try await upload.strike(#""method":"PUT","query":"partNumber","milliseconds":100"#)
            try await body(upload)
        }
    }

    private init(_ stack: TestStack, isDirect: Bool) throws {
        self.stack = stack
        self.isDirect = isDirect
        folder = ProcessFolder.make("waybill-large")
        let mebibytes =
            ProcessInfo.processInfo.environment["WAYBILL_TEST_LARGE_MIB"].flatMap { Int($0) } ?? 32
        size = mebibytes << 20
        partCount = (size + Self.partSize - 1) / Self.partSize
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        sha256 = try Self.write(mebibytes, to: "\(folder)/large.bin")
    }

    /// - Returns: the SHA-256. No two parts are equal.
    private static func write(_ mebibytes: Int, to path: String) throws -> String {
        var generator = SeededGenerator(seed: 1)
        var block = generator.bytes(count: 1 << 20)
        var hasher = SHA256Hasher()
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw CocoaError(.fileWriteUnknown) }
        for number in 0..<mebibytes {
            withUnsafeBytes(of: UInt64(number)) { block.replaceSubrange(0..<8, with: $0) }
            block.withUnsafeBytes { hasher.update($0) }
            try file.write(contentsOf: block)
        }
        try file.close()
        return hasher.finalize().hex
    }

    /// In so many places of the file something happens.
    var spotCount: Int { max(2, partCount / 100) }

    /// Starts the client, or has it go on.
    func launchClient() async throws -> TestProgram {
        let options = ["--part-size", "5MiB", "--parallel", "\(Self.parallel)", "--json"]
        return try await TestProgram.launch(
            "WaybillCLI",
            ["upload", "\(folder)/large.bin"] + options + (isDirect ? ["--direct"] : []),
            environment: [
                "WAYBILL_URL": try stack.url(of: .uploadService),
                "WAYBILL_TOKEN": stack.token,
                "XDG_STATE_HOME": "\(folder)/state",
            ]
        )
    }

    /// Whether the client still has something to do: it forgets an upload once that is completed.
    var isUnderWay: Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/state/waybill")) ?? []
        return names.contains { $0.hasSuffix(".json") }
    }

    /// Adds a rule that makes requests to the store wait.
    func strike(_ rule: String, action: String = "delay") async throws {
        try await stack.addFaults(#"[{\#(rule),"action":"\#(action)"}]"#)
    }

    /// Waits until the store has so many parts.
    func storeHas(parts count: Int) async throws {
        try await eventually(within: .seconds(300), "\(count) parts are stored") {
            try await Set(partWrites().filter(\.applied).map(\.partNumber)).count >= count
        }
    }

    /// Requests to the store with the bytes of a part, whatever became of them.
    func partWrites() async throws -> [StoreRequest] {
        try await stack.storeRequests().filter { $0.method == "PUT" && $0.query["partNumber"] != nil }
    }

    /// Parts that are known to be stored, so that nobody has a reason to send them again.
    func settledParts() async throws -> Set<String> {
        if isDirect { return Set(try await partWrites().filter(\.applied).map(\.partNumber)) }
        let rows = try await stack.uploadDatabase.query(
            "SELECT number FROM upload_parts WHERE sha256 IS NOT NULL"
        )
        return Set(try rows.map { "\(try $0.int(0))" })
    }

    /// Waits until all is quiet, and expects the one right file, told of once.
    func isStoredOnce() async throws {
        let rows = try await stack.uploadDatabase.query("SELECT id, size FROM files")
        let row = try #require(rows.first)
        let id = try row.text(0)
        #expect(rows.count == 1)
        #expect(try row.int64(1) == Int64(size))
        #expect(try await download(id) == sha256)
        stack.memory.remember(
            RememberedFile(id: id, name: "large.bin", size: size, sha256: sha256, fate: .available)
        )
        #expect(try await stack.violations(within: .seconds(300)) == [])
        let uploads = try await stack.uploadDatabase.query("SELECT state FROM uploads")
        #expect(try uploads.map { row throws in try row.text(0) } == ["COMPLETED"])
        let stored = try await stack.records().filter { $0.type == "file.stored" }
        #expect(stored.map(\.key) == [id])
    }

    /// - Returns: the SHA-256 of what somebody else's tools get.
    private func download(_ id: String) async throws -> String {
        let command = try await TestCommand.run(
            "/bin/sh",
            ["-c", #"curl --silent --fail --header "authorization: Bearer $TOKEN" "$URL" | sha256sum"#],
            environment: [
                "TOKEN": stack.token,
                "URL": "\(try stack.url(of: .uploadService))/api/v1/files/\(id)/content",
            ],
            within: .seconds(300)
        )
        return String(command.standardOutput.prefix(64))
    }
}

extension StoreRequest {
    var partNumber: String { query["partNumber"] ?? "" }
}
