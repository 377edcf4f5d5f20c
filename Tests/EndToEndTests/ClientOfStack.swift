import Digests
import Foundation
import TestSupport

/// The `waybill` command as a user runs it against a stack, with a folder of its own to work in.
struct ClientOfStack {
    let stack: TestStack
    let folder: String

    /// The least a store takes for a part that is not the last.
    static let partSize = 5 << 20

    /// Starts a stack whose UploadService keeps its address over restarts.
    static func with(_ body: (ClientOfStack) async throws -> Void) async throws {
        var settings = StackSettings()
        settings.extra[.uploadService] = ["WAYBILL_HTTP_PORT": "\(try freePort())"]
        try await TestStack.with(settings) { stack in
            let client = ClientOfStack(stack: stack, folder: ProcessFolder.make("waybill-client"))
            try FileManager.default.createDirectory(atPath: client.folder, withIntermediateDirectories: true)
            try await body(client)
        }
    }

    // MARK: The command

    func waybill(_ arguments: String..., token: String? = nil) async throws -> TestCommand {
        try await waybill(arguments, token: token)
    }

    func waybill(_ arguments: [String], token: String? = nil) async throws -> TestCommand {
        try await TestCommand.run(
            "WaybillCLI",
            arguments,
            environment: environment(token),
            within: .seconds(90)
        )
    }

    /// Runs until something happens to it.
    func launch(_ arguments: [String]) async throws -> TestProgram {
        try await TestProgram.launch("WaybillCLI", arguments, environment: environment(nil))
    }

    private func environment(_ token: String?) throws -> [String: String] {
        [
            "WAYBILL_URL": try stack.url(of: .uploadService),
            "WAYBILL_TOKEN": token ?? stack.token,
            "XDG_STATE_HOME": "\(folder)/state",
        ]
    }

    // MARK: Files

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(filePath: path(name)))
        return path(name)
    }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path(name)))) }

    /// What is remembered of uploads under way.
    func journal() -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: path("state/waybill"))
        return (names ?? []).filter { $0.hasSuffix(".json") }
    }

    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return random.bytes(count: count)
    }

    // MARK: What became of it

    /// One JSON object a line.
    static func reports(_ ended: TestCommand) throws -> [[String: Any]] {
        try ended.standardOutput.split(separator: "\n").map { line in
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
        }
    }

    /// The first, whatever else was said.
    static func report(in output: String) throws -> [String: Any]? {
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("{") }) else { return nil }
        return try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    }

    /// Notes what was acknowledged, so that the invariants hold the stack to it.
    func remember(_ report: [String: Any], _ bytes: [UInt8]) {
        guard let id = report["file_id"] as? String, let name = report["name"] as? String else { return }
        stack.remember(id, name, bytes)
    }

    /// Parts the store took in, each time it did.
    func partWriteCount() async throws -> Int {
        try await stack.storeRequests().filter {
            $0.method == "PUT" && $0.query["partNumber"] != nil && $0.applied && $0.status == 200
        }.count
    }

    /// Waits until the only session has so many parts.
    func sessionHas(parts count: Int) async throws {
        try await eventually(within: .seconds(30), "\(count) parts are there") {
            try await partWriteCount() >= count
        }
    }

    /// Makes every part take so long at least.
    func slowDownParts(milliseconds: Int) async throws {
        try await stack.addFaults(
            #"[{"method":"PUT","query":"partNumber","action":"delay","milliseconds":\#(milliseconds)}]"#
        )
    }

    /// Nothing is completed until the faults are cleared: a client cannot have finished before it is killed.
    func holdCompletion() async throws {
        try await stack.addFaults(
            #"[{"method":"POST","query":"uploadId","action":"answer","status":503,"code":"SlowDown"}]"#
        )
    }
}
