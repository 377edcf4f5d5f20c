import Foundation
import Synchronization

/// One of this package's executables, running as a child of the test process.
///
/// The test waits for lines of its output and for the exit by signal, never by sleeping. The child gets SIGKILL when the value goes away, and from the kernel when the test process dies.
public final class TestProgram: Sendable {
    public let name: String
    public let processID: Int32
    /// The line that said the program is ready; empty when none was waited for.
    public let readyLine: String
    private let process: ChildProcess
    /// The test itself ended the program the hard way, so its exit status is no news.
    private let wasKilled = Atomic(false)

    private init(name: String, process: ChildProcess, readyLine: String) {
        self.name = name
        self.process = process
        self.readyLine = readyLine
        processID = process.processID
    }

    deinit { process.signal(SIGKILL) }

    /// Starts `name` from the build folder and waits for its ready line.
    ///
    /// - Parameters:
    ///   - ready: how the ready line begins; `"<name> ready"` unless told.
    ///   - environment: added to the test's own environment, from which `WAYBILL_TEST_…` is left out.
    /// - Throws: `TestProgramFailure` with the program's output when it ends or stays silent; no child is left.
    public static func start(
        _ name: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        ready: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> TestProgram {
        let process = try await ChildProcess.spawn(
            BuildFolder.executable(name),
            arguments,
            environment: childEnvironment(adding: environment)
        )
        let prefix = ready ?? "\(name) ready"
        do {
            let line = try await process.line(within: limit) { $0.hasPrefix(prefix) }
            return TestProgram(name: name, process: process, readyLine: line)
        } catch {
            process.signal(SIGKILL)
            _ = try? await process.exit(within: .seconds(10))
            throw error
        }
    }

    /// Starts `name` without waiting for anything: for programs that say over HTTP when they are ready, or that are to
    /// die while they start.
    public static func launch(
        _ name: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:]
    ) async throws -> TestProgram {
        let process = try await ChildProcess.spawn(
            BuildFolder.executable(name),
            arguments,
            environment: childEnvironment(adding: environment)
        )
        return TestProgram(name: name, process: process, readyLine: "")
    }

    /// How the program ended; nil while it runs.
    public var ended: ProgramExit? { process.ended }

    /// Starts the program, lends it, and ends it with SIGTERM however `body` ends.
    ///
    /// - Throws: what `body` throws; else a failure when the program did not exit with 0, unless `body` killed it.
    public static func with<Value: Sendable>(
        _ name: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        _ body: (TestProgram) async throws -> Value
    ) async throws -> Value {
        let program = try await start(name, arguments, environment: environment)
        let value: Value
        do { value = try await body(program) } catch {
            await program.kill()
            program.keepOutput()
            throw error
        }
        let status = try await program.terminate()
        guard status == .exited(0) || program.wasKilled.load(ordering: .relaxed) else {
            throw TestProgramFailure.ended(name, status, output: program.output)
        }
        return value
    }

    /// The last word of the ready line: by convention an address such as `http://127.0.0.1:4711`.
    public var address: String { readyLine.split(separator: " ").last.map(String.init) ?? "" }

    /// The port the address ends with; nil when it has none.
    public var port: Int? { address.split(separator: ":").last.flatMap { Int($0) } }

    /// What the program has written so far.
    public var output: String { process.output.text }

    /// Writes it to a file, and the file's name to standard error: for a test that did not end well.
    public func keepOutput() { process.output.keep(of: name) }

    /// The first line, past or to come, that satisfies `predicate`.
    @discardableResult
    public func line(
        within limit: Duration = .seconds(30),
        where predicate: @escaping @Sendable (String) -> Bool
    ) async throws -> String {
        try await process.line(within: limit, where: predicate)
    }

    /// Asks the program to end (SIGTERM) and waits until it has; SIGKILL when it does not.
    @discardableResult
    public func terminate(within limit: Duration = .seconds(35)) async throws -> ProgramExit {
        process.signal(SIGTERM)
        do { return try await process.exit(within: limit) } catch {
            await kill()
            throw error
        }
    }

    /// Ends the program with SIGKILL and waits until it is gone.
    @discardableResult
    public func kill() async -> ProgramExit? {
        wasKilled.store(true, ordering: .relaxed)
        process.signal(SIGKILL)
        return try? await process.exit(within: .seconds(30))
    }

    /// Sends any other signal, for example SIGSTOP.
    public func signal(_ number: Int32) { process.signal(number) }

    /// Waits until the program has ended, and until `output` has all it wrote: its last lines may come after its end.
    public func exit(within limit: Duration = .seconds(30)) async throws -> ProgramExit {
        let exit = try await process.exit(within: limit)
        _ = try await process.finalOutput(within: limit)
        return exit
    }
}

/// How a program ended.
public enum ProgramExit: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
}

/// Each case carries what the program had written, so that a failed test says why.
public enum TestProgramFailure: Error, CustomStringConvertible {
    case notBuilt(String)
    case notStarted(String, errno: Int32)
    case ended(String, ProgramExit, output: String)
    case silent(String, output: String)

    public var description: String {
        switch self {
        case .notBuilt(let path): "\(path) does not exist: build the package first"
        case .notStarted(let path, let code):
            "\(path) could not be started: \(String(cString: strerror(code)))"
        case .ended(let name, let exit, let output): "\(name) ended (\(exit)):\n\(output)"
        case .silent(let name, let output): "\(name) did not do in time what was waited for:\n\(output)"
        }
    }
}

/// Where the executables under test are: the folder of the test bundle itself.
enum BuildFolder {
    static var path: String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? own
        return URL(fileURLWithPath: own.hasSuffix(".xctest") ? own : bundle).deletingLastPathComponent().path
    }

    static func executable(_ name: String) throws(TestProgramFailure) -> String {
        let file = "\(path)/\(name)"
        guard FileManager.default.isExecutableFile(atPath: file) else { throw .notBuilt(file) }
        return file
    }
}
