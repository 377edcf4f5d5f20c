import Foundation
import Logging
import PostgresClient
import ServiceBootstrap
import Synchronization

/// What went wrong around a measurement.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The servers the rows work with: those of the command line, else embedded ones. What a row starts ends with it.
final class Site: Sendable {
    let options: Options
    let folder: String
    let store: StoreAddress
    let children: Children
    private let ends = Mutex<[@Sendable () async -> Void]>([])
    private let storeProgram: Program?

    init(_ options: Options) async throws {
        self.options = options
        folder = NSTemporaryDirectory() + "waybill-bench-" + Site.mark()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        children = Children(options.children)
        if let url = options.store {
            store = try StoreAddress(url)
            storeProgram = nil
        } else {
            (storeProgram, store) = try await Self.startStore(folder, children)
        }
    }

    /// A size of the row at full scale, at this run's; at least `least`.
    func scaled(_ size: Int, least: Int = 1) -> Int { max(least, Int(Double(size) * options.scale)) }

    /// A name nobody else has.
    static func mark() -> String { String(SystemRandom().nextUInt64(), radix: 36) }

    /// What is to be done when the row is over, the last first.
    func atEndOfRow(_ end: @escaping @Sendable () async -> Void) { ends.withLock { $0.append(end) } }

    func endRow() async {
        let all = ends.withLock { ends in
            defer { ends = [] }
            return ends
        }
        for end in all.reversed() { await end() }
    }

    func close() async {
        await endRow()
        await storeProgram?.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func startStore(_ folder: String, _ children: Children) async throws -> (
        Program, StoreAddress
    ) {
        let portFile = "\(folder)/store.port"
        let program = try Program(
            "DevStore",
            [
                "--port", "0", "--port-file", portFile, "--data", "\(folder)/store", "--bucket",
                "waybill-bench",
                "--access-key", "bench", "--secret-key", "bench-secret",
            ],
            log: "\(folder)/DevStore.log",
            children: children
        )
        let port = try await program.port(in: portFile)
        return (program, try StoreAddress("http://bench:bench-secret@127.0.0.1:\(port)?profile=devstore"))
    }

    /// Kafka of the command line, else a new DevBroker, whose topics are empty.
    func freshBrokers() async throws -> String {
        if let brokers = options.brokers { return brokers }
        let portFile = "\(folder)/broker-\(Site.mark()).port"
        let program = try Program(
            "DevBroker",
            [
                "--port", "0", "--port-file", portFile,
                "--topics", "waybill.files.v1:12,waybill.index.v1:12,waybill.bench.v1:12",
            ],
            log: "\(folder)/DevBroker.log",
            children: children
        )
        atEndOfRow { await program.stop() }
        return "127.0.0.1:\(try await program.port(in: portFile))"
    }

    /// A pool that ends with the row.
    func pool(_ url: String, connections: Int = 4) -> PostgresPool {
        var settings = PostgresSettings(conninfo: url, applicationName: "waybill-bench")
        settings.connectionLimit = connections
        settings.statementTimeout = .seconds(1_800)
        settings.leaseLimit = .seconds(1_800)
        let pool = PostgresPool(settings, time: SystemTime(), random: SystemRandom(), logger: Site.silence)
        atEndOfRow { await pool.close() }
        return pool
    }

    static var silence: Logger { Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() } }
}
