import Foundation

/// A command run to its end: curl, kcat, psql, or one of this package's programs; `TestProgram` is for servers.
public struct TestCommand: Sendable {
    public let exit: ProgramExit
    public let standardOutput: String
    public let standardError: String

    /// Both, one after the other.
    public var output: String { standardOutput + standardError }
    public var isSuccess: Bool { exit == .exited(0) }

    /// As a shell tells it.
    public var exitCode: Int32 {
        switch exit {
        case .exited(let code): code
        case .signalled(let signal): 128 + signal
        }
    }

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
        let process = try await ChildProcess.spawn(
            path.hasPrefix("/") ? path : BuildFolder.executable(path),
            arguments,
            environment: childEnvironment(adding: environment)
        )
        do {
            let exit = try await process.exit(within: limit)
            let output = try await process.finalOutput(within: limit)
            return TestCommand(
                exit: exit,
                standardOutput: String(decoding: output.standardOutput, as: UTF8.self),
                standardError: String(decoding: output.standardError, as: UTF8.self)
            )
        } catch {
            process.signal(SIGKILL)
            _ = try? await process.exit(within: .seconds(10))
            throw error
        }
    }
}
