import Foundation

/// A command run to its end: curl, kcat, psql, or one of this package's programs that is to refuse to start.
public struct TestCommand: Sendable {
    public let exit: ProgramExit
    /// Standard output and standard error, as they came.
    public let output: String

    public var isSuccess: Bool { exit == .exited(0) }

    /// - Parameters:
    ///   - path: absolute, or the name of one of this package's executables.
    ///   - environment: added to the test's own environment, from which `WAYBILL_TEST_…` is left out.
    /// - Throws: when it cannot be started or does not end within `limit`; it is killed then.
    public static func run(
        _ path: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> TestCommand {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let process = try await ChildProcess.spawn(
            path.hasPrefix("/") ? path : BuildFolder.executable(path),
            arguments,
            environment: childEnvironment(adding: environment),
            outputPath: BuildFolder.outputPath(for: name)
        )
        do {
            let exit = try await process.exit(within: limit)
            let output = try await process.finalOutput(within: limit)
            try? FileManager.default.removeItem(atPath: process.outputPath)
            return TestCommand(exit: exit, output: output)
        } catch {
            process.signal(SIGKILL)
            _ = try? await process.exit(within: .seconds(10))
            throw error
        }
    }
}
