import Foundation
import HTTPServing
import Hummingbird
import Logging
import PostgresClient
import ServiceBootstrap
import ServiceLifecycle
import Testing

@testable import IndexerService
@testable import UploadService

/// What IndexerService tells of its index, to whoever asks: its own routes over a real socket.
enum IndexOverHTTP {
    static func serve(_ pool: PostgresPool, _ body: (IndexerClient) async throws -> Void) async throws {
        let time = SystemTime()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = HTTPServer(
            HTTPServerSettings(limits: ConnectionLimits()),
            router: makeServiceRouter(time: time) { router in
                EntryRoutes(store: EntryStore(pool)).add(to: router.group("\(EntryRoutes.path)"))
            },
            metrics: MetricsRegistry(),
            time: time,
            random: SystemRandom(),
            logger: logger
        )
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let port = try #require(await server.listeningPort())
            let client = IndexerClient(.init(url: "http://127.0.0.1:\(port)", token: Secret("not asked")))
            do { try await body(client) } catch {
                await client.shutdown()
                throw error
            }
            await client.shutdown()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }
}
