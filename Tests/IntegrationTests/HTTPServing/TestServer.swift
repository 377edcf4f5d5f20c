import AccessTokens
import Determinism
import HTTPServing
import Hummingbird
import Logging
import ServiceBootstrap
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

/// What the handlers of the test server met, for assertions.
final class Witness: Sendable {
    private let state = Mutex<(bodyErrors: [String], byteCount: Int)>(([], 0))
    private let log = Mutex<[String]>([])

    func failed(_ error: any Error) { state.withLock { $0.bodyErrors.append("\(error)") } }
    func read(_ count: Int) { state.withLock { $0.byteCount += count } }
    func logged(_ line: String) { log.withLock { $0.append(line) } }
    var bodyErrors: [String] { state.withLock { $0.bodyErrors } }
    var byteCount: Int { state.withLock { $0.byteCount } }
    var lines: [String] { log.withLock { $0 } }

    /// Waits for it: a request's line is written when the client already has its answer.
    func line(with text: String) async throws -> String {
        try await eventually("a line with \(text)") { lines.contains { $0.contains(text) } }
        return try #require(lines.first { $0.contains(text) })
    }
}

struct KnownTokens: CallerAuthenticator {
    struct Unreachable: Error {}

    func find(_ token: String) async throws -> Caller? {
        if token == "broken" { throw Unreachable() }
        return token == "good-token" ? Caller(tenant: "acme", principal: "ann", roles: [.user]) : nil
    }
}

/// Log lines as text, kept in memory.
struct MemoryLog: LogHandler {
    let witness: Witness
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let text = fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        witness.logged("\(event.level) \(event.message) \(text)")
    }
}

/// Waits for what a server does in its own time; fails after ten seconds.
func until(_ condition: () -> Bool) async throws {
    for _ in 0..<2_000 {
        if condition() { return }
        try await SystemTime().sleep(for: .milliseconds(5))
    }
    Issue.record("what was waited for did not happen")
}

/// The server ended before it listened, and had no reason to.
private struct NeverListened: Error {}

/// A server in this process, on a free port unless told.
struct TestServer {
    let port: Int
    let witness: Witness
    let health: HealthRegistry
    let group: ServiceGroup

    static func run(
        _ limits: ConnectionLimits = ConnectionLimits(),
        port: Int = 0,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let (witness, time, metrics) = (Witness(), SystemTime(), MetricsRegistry())
        let logger = Logger(label: "test") { _ in MemoryLog(witness: witness) }
        let health = HealthRegistry(time: time, logger: logger, interval: .milliseconds(20))
        let gate = Gate()
        let router = makeServiceRouter(time: time) { router in
            OperationalRoutes(health: health, metrics: metrics, time: time).add(to: router)
            addReadingRoutes(to: router, witness)
            addAnsweringRoutes(to: router, witness, gate)
        }
        let server = HTTPServer(
            HTTPServerSettings(port: port, limits: limits),
            router: router,
            metrics: metrics,
            time: time,
            random: SystemRandom(),
            logger: logger
        )
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            guard let port = await server.listeningPort() else {
                try await tasks.waitForAll()
                throw NeverListened()
            }
            try await body(TestServer(port: port, witness: witness, health: health, group: group))
            gate.open()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    func connect(receiveBufferBytes: Int32? = nil) throws -> RawConnection {
        try RawConnection(port: port, receiveBufferBytes: receiveBufferBytes)
    }
}

/// Holds handlers until a test lets them go on.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let source: AsyncStream<Void>.Continuation

    init() { (stream, source) = AsyncStream.makeStream() }
    func open() { source.finish() }
    func wait() async { for await _ in stream {} }
}
