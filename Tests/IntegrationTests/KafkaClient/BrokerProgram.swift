import Foundation

/// DevBroker as a process of its own, found beside the test program.
final class BrokerProgram {
    struct NotReady: Error { let output: String }

    private let process = Process()
    private let output = Pipe()

    init(_ arguments: [String]) throws {
        let tests = URL(
            fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        )
        let beside = tests.deletingLastPathComponent().appendingPathComponent("DevBroker")
        process.executableURL =
            FileManager.default.isExecutableFile(atPath: beside.path)
            ? beside : URL(fileURLWithPath: ".build/debug/DevBroker")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit { if process.isRunning { process.terminate() } }

    /// The port named in the ready line.
    func waitUntilReady() throws -> Int {
        var text = ""
        while true {
            let data = output.fileHandleForReading.availableData
            text += String(decoding: data, as: UTF8.self)
            let line = text.split(separator: "\n").first { $0.hasPrefix("DevBroker ready on 127.0.0.1:") }
            if text.hasSuffix("\n"), let line, let port = line.split(separator: ":").last.flatMap({ Int($0) })
            {
                return port
            }
            if data.isEmpty { throw NotReady(output: text) }
        }
    }

    /// SIGTERM; the exit status.
    func stop() -> Int32 {
        process.terminate()
        return wait()
    }

    func wait() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }
}
