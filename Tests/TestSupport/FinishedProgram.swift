import Foundation

/// A program that ran to its end, for commands; `TestProgram` is for servers.
public struct FinishedProgram: Sendable {
    public let exitCode: Int32
    public let standardOutput: String
    public let standardError: String

    /// Runs `name` from the build folder with an empty standard input and waits until it ends.
    ///
    /// - Parameter environment: added to the test's own environment, from which `WAYBILL_TEST_…` is left out.
    public static func run(
        _ name: String,
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> FinishedProgram {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try BuildFolder.executable(name))
        process.arguments = arguments
        process.environment = childEnvironment(adding: environment)
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        async let outputText = text(of: output)
        async let errorText = text(of: errors)
        let exitCode = try await withCheckedThrowingContinuation {
            (ended: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { ended.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch {
                // Its readers wait for the end of the pipes.
                try? output.fileHandleForWriting.close()
                try? errors.fileHandleForWriting.close()
                ended.resume(throwing: error)
            }
        }
        return FinishedProgram(
            exitCode: exitCode,
            standardOutput: await outputText,
            standardError: await errorText
        )
    }

    /// Reads on a thread of its own: the program may write more than a pipe holds.
    private static func text(of pipe: Pipe) async -> String {
        let reader = pipe.fileHandleForReading
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: String(decoding: reader.readDataToEndOfFile(), as: UTF8.self))
            }
        }
    }
}
