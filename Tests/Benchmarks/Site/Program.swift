import Foundation
import Synchronization

/// The processes that run at the moment, also in a file, so that whoever outlives this process can end them.
final class Children: Sendable {
    private let file: String?
    private let running = Mutex<[Int32: String]>([:])

    init(_ file: String?) { self.file = file }

    func add(_ pid: Int32, _ program: String) { change { $0[pid] = program } }
    func remove(_ pid: Int32) { change { $0[pid] = nil } }

    private func change(_ body: (inout [Int32: String]) -> Void) {
        running.withLock { running in
            body(&running)
            guard let file else { return }
            let text = running.map { "\($0.key) \($0.value)\n" }.joined()
            try? text.write(toFile: file, atomically: true, encoding: .utf8)
        }
    }
}

/// A server in the background, its output in a file: what it writes must cost the one who measures nothing.
final class Program: Sendable {
    let name: String
    let log: String
    let processID: Int32
    private let children: Children
    private let process: ProcessBox

    /// Sendable because `Process` is used from one place at a time: its creator until it runs, then only for its thread-safe `isRunning`.
    private struct ProcessBox: @unchecked Sendable { let process: Process }

    /// - Parameter name: of one of this package's executables, or a path.
    init(
        _ name: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        log: String,
        children: Children
    ) throws {
        let path = Program.path(of: name)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = Program.plainEnvironment.merging(environment) { _, new in new }
        if !FileManager.default.fileExists(atPath: log) {
            try Data().write(to: URL(fileURLWithPath: log))
        }
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try output.seekToEnd()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.runHearing()
        try output.close()
        self.name = name
        self.log = log
        self.children = children
        self.process = ProcessBox(process: process)
        processID = process.processIdentifier
        children.add(processID, path)
    }

    static func path(of name: String) -> String {
        guard !name.hasPrefix("/") else { return name }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// Programs refuse settings they do not know.
    static var plainEnvironment: [String: String] {
        ProcessInfo.processInfo.environment.filter { name, _ in
            !["WAYBILL_", "KAFKA_", "S3_", "AWS_"].contains { name.hasPrefix($0) }
        }
    }

    var isRunning: Bool { process.process.isRunning }

    /// The first port the program writes into `file`.
    func port(in file: String, within limit: Duration = .seconds(60)) async throws -> Int {
        let found = Mutex(0)
        try await eventually(within: limit, "\(name) listens") {
            guard isRunning else { throw ProgramEnded("\(name) has ended: \(lastWords)") }
            let text = try String(contentsOfFile: file, encoding: .utf8)
            guard let port = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else { return false }
            found.withLock { $0 = port }
            return true
        }
        return found.withLock { $0 }
    }

    var lastWords: String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(5).joined(separator: "\n")
    }

    /// SIGTERM, and SIGKILL when that does not help.
    func stop(within limit: Duration = .seconds(40)) async {
        if isRunning { kill(processID, SIGTERM) }
        do { try await eventually(within: limit, "\(name) ends") { !isRunning } } catch {
            if isRunning { kill(processID, SIGKILL) }
            try? await eventually(within: .seconds(10), "\(name) is gone") { !isRunning }
        }
        children.remove(processID)
    }

    /// A line of `/proc/<pid>/status` that is a size, in MiB: `VmRSS`, `VmHWM`.
    func memoryMiB(_ field: String) throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("\(field):") }),
            let kib = line.split(whereSeparator: { " \t:".contains($0) }).dropFirst().first.flatMap({
                Double($0)
            })
        else { throw BenchFailure("\(name) has no \(field)") }
        return kib / 1_024
    }
}
