import CAllocator
public import Determinism
import FoundationEssentials
import Glibc
public import Logging
public import ServiceLifecycle
import UnixSignals

/// What every program is given: its environment and the outside world as parameters.
public struct ProgramFrame: Sendable {
    public let environment: [String: String]
    public let time: any TimeSource
    public let random: any RandomSource
    public let logger: Logger
    public let metrics: MetricsRegistry
    public let health: HealthRegistry

    /// A logger of the same program with another name.
    public let makeLogger: @Sendable (String) -> Logger
}

/// One part of a program.
public struct ProgramService: Sendable {
    let service: any Service
    let isAllowedToFinish: Bool

    /// - Parameter mayFinish: its normal end does not end the program (a task that runs once).
    public init(_ service: any Service, mayFinish: Bool = false) {
        self.service = service
        isAllowedToFinish = mayFinish
    }
}

/// Something a program does once, on request, instead of serving: `IndexerService migrate status`.
public struct ProgramCommand: Sendable {
    /// What the command line begins with.
    let words: [String]
    let run: @Sendable (ProgramFrame, [String]) async throws -> String

    /// - Parameter run: given the arguments after `words`; what it returns is printed. Logs go to standard error.
    public init(
        _ words: String...,
        run: @escaping @Sendable (ProgramFrame, [String]) async throws -> String
    ) {
        self.words = words
        self.run = run
    }
}

/// How a program ends, as `sysexits.h` has it.
public enum ProgramExit: Int32, Sendable {
    case success = 0
    case failure = 1
    case usage = 64
    case configuration = 78
}

/// Builds the services and runs them until SIGTERM or SIGINT, then returns how it went. The only reader of the environment
/// and of the command line: with arguments, the one of `commands` that they begin with runs instead (the longest that fits).
///
/// The list is the start order; services stop in the opposite order, each before the next is asked, within
/// `gracefulLimit` altogether. After that their tasks are cancelled, and 3 s later the program ends without those that still
/// wait for a server which says nothing. A service that ends early stops the program.
/// Configuration errors are one plain sentence on standard error.
public func runProgram(
    _ name: String,
    commands: [ProgramCommand] = [],
    gracefulLimit: Duration = .seconds(25),
    services build: @Sendable (ProgramFrame) async throws -> [ProgramService]
) async -> ProgramExit {
    // A peer that hangs up must show as an error of the write, not end the process.
    signal(SIGPIPE, SIG_IGN)
    callocator_give_large_blocks_back()
    raiseDescriptorLimit()
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.isEmpty else { return await runCommand(name, commands, arguments) }
    let output = LogOutput(descriptor: 1)
    return await reporting(name, output) {
        let environment = ProcessInfo.processInfo.environment
        let frame = makeFrame(name, environment, output, try LogSettings(environment))
        let services = try await build(frame)
        try await run(services, frame, gracefulLimit)
        frame.logger.info("stopped")
    }
}

/// Every connection is a descriptor, and shells start programs with 1 024 of them.
private func raiseDescriptorLimit() {
    var limits = rlimit()
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(kind, &limits) == 0 else { return }
    limits.rlim_cur = limits.rlim_max
    _ = setrlimit(kind, &limits)
}

private func runCommand(_ name: String, _ commands: [ProgramCommand], _ arguments: [String]) async
    -> ProgramExit
{
    let fitting = commands.filter { arguments.starts(with: $0.words) }
    guard let command = fitting.max(by: { $0.words.count < $1.words.count }) else {
        let known = commands.map { "`\(name) \($0.words.joined(separator: " "))`" }.joined(separator: ", ")
        say("\(name): there is no such command; there are: \(known.isEmpty ? "none" : known)")
        return .usage
    }
    let output = LogOutput(descriptor: 2)
    return await reporting(name, output) {
        let environment = ProcessInfo.processInfo.environment
        let frame = makeFrame(name, environment, output, try LogSettings(environment))
        let text = try await command.run(frame, Array(arguments.dropFirst(command.words.count)))
        say(text, on: 1)
    }
}

private func reporting(
    _ name: String,
    _ output: LogOutput,
    _ body: () async throws -> Void
) async -> ProgramExit {
    defer { output.flush() }
    do {
        try await body()
        return .success
    } catch let error as ConfigurationError {
        say("\(name): \(error)")
        return .configuration
    } catch {
        output.flush()
        say("\(name): stopped because of an error: \(error)")
        return .failure
    }
}

/// For the operator who started the program by hand: not a log line.
private func say(_ sentence: String, on descriptor: Int32 = 2) {
    let output = LogOutput(descriptor: descriptor)
    output.write(Array("\(sentence)\n".utf8))
    output.flush()
}

private func makeFrame(
    _ name: String,
    _ environment: [String: String],
    _ output: LogOutput,
    _ settings: LogSettings
) -> ProgramFrame {
    let time = SystemTime()
    let makeLogger: @Sendable (String) -> Logger = { label in
        Logger(label: label) { JSONLogHandler(label: $0, level: settings.level, output: output, time: time) }
    }
    // Libraries that make their own loggers get the same lines.
    LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: settings.level, output: output, time: time) }
    let logger = makeLogger(name)
    let metrics = MetricsRegistry()
    metrics.addProcessMetrics()
    return ProgramFrame(
        environment: environment,
        time: time,
        random: SystemRandom(),
        logger: logger,
        metrics: metrics,
        health: HealthRegistry(time: time, logger: logger),
        makeLogger: makeLogger
    )
}

private func run(_ services: [ProgramService], _ frame: ProgramFrame, _ gracefulLimit: Duration) async throws
{
    let (ends, end) = AsyncStream<Result<Void, any Error>>.makeStream()
    // The last one: shutdown begins with it.
    let overtime = Overtime(limit: gracefulLimit + .seconds(3), time: frame.time) {
        frame.logger.warning("some services did not end in time and are left behind")
        end.yield(.success(()))
    }
    var configuration = ServiceGroupConfiguration(
        services: (services + [ProgramService(overtime, mayFinish: true)]).map {
            ServiceGroupConfiguration.ServiceConfiguration(
                service: $0.isAllowedToFinish ? $0.service : LastingService(service: $0.service),
                successTerminationBehavior: .ignore,
                failureTerminationBehavior: .gracefullyShutdownGroup,
                serviceName: "\(type(of: $0.service))"
            )
        },
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: frame.logger
    )
    // No limit on what follows: when that passes the library ends the process with a trap.
    configuration.maximumGracefulShutdownDuration = gracefulLimit
    let group = ServiceGroup(configuration: configuration)
    Task {
        do { end.yield(.success(try await group.run())) } catch { end.yield(.failure(error)) }
    }
    for await result in ends { return try result.get() }
}

/// Ends the wait for services that do not end themselves. What was answered is durable by then; whoever waits longer
/// would be killed.
private struct Overtime: Service {
    let limit: Duration
    let time: any TimeSource
    let end: @Sendable () -> Void

    func run() async throws {
        // Throws when the task is cancelled instead of shut down: the way out is the same.
        try? await gracefulShutdown()
        Task {
            try? await time.sleep(for: limit)
            end()
        }
    }
}

/// Turns the early end of a service into a failure: a program that lost a part must not look healthy.
private struct LastingService: Service {
    let service: any Service

    func run() async throws {
        try await service.run()
        guard Task.isShuttingDownGracefully || Task.isCancelled else {
            throw ServiceEndedEarly(name: "\(type(of: service))")
        }
    }
}

struct ServiceEndedEarly: Error, CustomStringConvertible {
    let name: String
    var description: String { "\(name) ended although nobody asked it to" }
}
