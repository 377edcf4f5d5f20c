import AccessTokens
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import PostgresClient
import ServiceBootstrap

/// Hummingbird as its first page shows it: one route, one word. A second route answers with a file's facts, found together with
/// the token by one statement: the least this frame can do with a database. It logs nothing and counts nothing.
enum HelloServer {
    private struct Facts: ResponseEncodable {
        let id: String
        let name: String
        let contentType: String
        let size: Int64
        let sha256: String?
        let state: String
        let version: Int64
        let createdAt: String
    }

    private static let read: Statement = """
        SELECT f.id, f.name, f.content_type, f.size, encode(f.sha256, 'hex'), f.state, f.version, f.created_at::text
          FROM files f JOIN access_tokens t ON (t.tenant, t.principal) = (f.tenant, f.owner)
         WHERE f.id = $1 AND t.token_sha256 = $2 AND t.revoked_at IS NULL
        """

    static func run(portFile: String, _ database: String) async throws {
        let pool = PostgresPool(
            PostgresSettings(conninfo: database, applicationName: "hello"),
            time: SystemTime(),
            random: SystemRandom(),
            logger: Site.silence
        )
        let router = Router()
        router.get("hello") { _, _ in "hello" }
        router.get("files/{id}") { request, context in try await facts(request, context, pool) }
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                guard let port = channel.localAddress?.port else { return }
                try? "\(port)\n".write(toFile: portFile, atomically: true, encoding: .utf8)
            },
            logger: Site.silence
        )
        try await application.runService()
    }

    private static func facts(
        _ request: Request,
        _ context: BasicRequestContext,
        _ pool: PostgresPool
    ) async throws -> Facts {
        guard let id = UUID(uuidString: try context.parameters.require("id")),
            let token = request.headers[.authorization]?.split(separator: " ").last
        else { throw HTTPError(.notFound) }
        let digest = TokenStore.digest(of: String(token))
        let rows = try await withTaskExecutorPreference(pool.taskExecutor) {
            try await pool.query(read, id, digest)
        }
        guard let row = rows.first else { throw HTTPError(.notFound) }
        return Facts(
            id: try row.uuid(0).uuidString,
            name: try row.text(1),
            contentType: try row.text(2),
            size: try row.int64(3),
            sha256: try row.optionalText(4),
            state: try row.text(5),
            version: try row.int64(6),
            createdAt: try row.text(7)
        )
    }
}
