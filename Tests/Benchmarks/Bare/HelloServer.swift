import Foundation
import Hummingbird
import Logging
import NIOCore

/// Hummingbird as its first page shows it: one route, one word.
enum HelloServer {
    static func run(portFile: String) async throws {
        let router = Router()
        router.get("hello") { _, _ in "hello" }
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                guard let port = channel.localAddress?.port else { return }
                try? "\(port)\n".write(toFile: portFile, atomically: true, encoding: .utf8)
            },
            logger: Logger(label: "hello") { _ in SwiftLogNoOpLogHandler() }
        )
        try await application.runService()
    }
}
