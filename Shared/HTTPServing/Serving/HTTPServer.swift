public import Determinism
import Dispatch
import Glibc
public import Hummingbird
import HummingbirdCore
public import Logging
public import NIOCore
import NIOPosix
public import ServiceBootstrap
public import ServiceLifecycle

/// Where a server listens and what its clients may do.
public struct HTTPServerSettings: Sendable {
    public var host: String
    /// 0 takes a free port.
    public var port: Int
    /// Gets the port as text once the server listens, written under another name and moved.
    public var portFile: String?
    /// Further connections wait in the kernel's queue.
    public var connectionLimit: Int
    public var limits: ConnectionLimits

    public init(
        host: String = "127.0.0.1",
        port: Int = 0,
        portFile: String? = nil,
        connectionLimit: Int = 4_096,
        limits: ConnectionLimits = ConnectionLimits()
    ) {
        self.host = host
        self.port = port
        self.portFile = portFile
        self.connectionLimit = connectionLimit
        self.limits = limits
    }
}

/// An HTTP/1.1 server over a router.
///
/// When shutdown begins it accepts nothing more, ends idle connections, lets requests under way finish (their response says
/// `Connection: close`), then `run()` returns. A cancelled `run()` closes what is left.
public struct HTTPServer: Service {
    private let settings: HTTPServerSettings
    private let server: any Service
    private let ports: AsyncStream<Int>
    private let portSource: AsyncStream<Int>.Continuation

    /// - Parameters:
    ///   - router: complete; routes added later are not served.
    ///   - eventLoops: of connections; they must outlive `run()`. The process's own unless told.
    public init(
        _ settings: HTTPServerSettings,
        router: Router<ServiceContext>,
        metrics: MetricsRegistry,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger,
        eventLoops: (any EventLoopGroup)? = nil
    ) {
        self.settings = settings
        (ports, portSource) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let responder = RequestResponder(
            router: router.buildResponder(),
            logger: logger,
            metrics: RequestMetrics(metrics),
            time: time,
            random: random
        )
        server = ConnectionChannel(limits: settings.limits, responder: responder).server(
            configuration: ServerConfiguration(
                address: .hostname(settings.host, port: settings.port),
                backlog: 1_024,
                availableConnectionsDelegate: .maximum(settings.connectionLimit, logger: logger)
            ),
            onServerRunning: { [settings, portSource] channel in
                guard let port = channel.localAddress?.port else { return }
                if let path = settings.portFile { await PortFile.write(port, to: path, logger) }
                portSource.yield(port)
                portSource.finish()
            },
            eventLoopGroup: eventLoops ?? MultiThreadedEventLoopGroup.singleton,
            logger: logger
        )
    }

    /// The port once the server listens; nil when it ended before. For one caller.
    public func listeningPort() async -> Int? {
        for await port in ports { return port }
        return nil
    }

    /// - Throws: `CannotListen` when the address cannot be had.
    public func run() async throws {
        defer { portSource.finish() }
        do {
            try await server.run()
        } catch let error as IOError where CannotListen.codes.contains(error.errnoCode) {
            throw CannotListen(host: settings.host, port: settings.port, code: error.errnoCode)
        }
    }
}

/// The system does not give out the address: another program has it, this machine has not, or it takes a privilege.
public struct CannotListen: Error, CustomStringConvertible {
    static let codes: Set = [EADDRINUSE, EADDRNOTAVAIL, EACCES]

    let host: String
    let port: Int
    let code: CInt

    public var description: String { "cannot listen on \(host):\(port): \(String(cString: strerror(code)))" }
}

/// Tells scripts which port was free.
private enum PortFile {
    static func write(_ port: Int, to path: String, _ logger: Logger) async {
        let isWritten = await withCheckedContinuation { continuation in
            // A disk may be slow: not on a cooperative thread.
            DispatchQueue(label: "waybill.port-file").async {
                continuation.resume(returning: replace(path, with: "\(port)\n"))
            }
        }
        if !isWritten { logger.error("the port file could not be written", metadata: ["path": "\(path)"]) }
    }

    private static func replace(_ path: String, with text: String) -> Bool {
        let fresh = path + ".new"
        guard let file = fopen(fresh, "w") else { return false }
        let isWritten = fputs(text, file) >= 0
        guard fclose(file) == 0, isWritten else { return false }
        return rename(fresh, path) == 0
    }
}
