import Foundation

/// A command run to its end.
enum Command {
    /// - Returns: what it wrote to its standard output.
    /// - Throws: when it fails, with what it wrote to its standard error.
    @discardableResult
    static func run(_ path: String, _ arguments: [String], environment: [String: String] = [:]) async throws
        -> String
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Program.path(of: path))
        process.arguments = arguments
        process.environment = Program.plainEnvironment.merging(environment) { _, new in new }
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        async let said = text(of: output)
        async let complained = text(of: errors)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.runHearing() } catch {
                process.terminationHandler = nil
                try? output.fileHandleForWriting.close()
                try? errors.fileHandleForWriting.close()
                continuation.resume(throwing: error)
            }
        }
        let (answer, complaint) = await (said, complained)
        guard process.terminationStatus == 0 else {
            throw BenchFailure("\(path) ended with \(process.terminationStatus): \(complaint)\(answer)")
        }
        return answer
    }

    /// Read on a thread of its own: the pipe must not fill up, and reading waits.
    private static func text(of pipe: Pipe) async -> String {
        let handle = pipe.fileHandleForReading
        return await onThread { String(decoding: handle.readDataToEndOfFile(), as: UTF8.self) }
    }

    /// Runs SQL that is not measured.
    static func psql(_ url: String, _ sql: String) async throws {
        try await run(
            "/usr/bin/psql",
            [url, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--command", sql]
        )
    }
}

/// Runs what waits on a thread of its own, none of those that run Swift's tasks.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: work()) }
    }
}
