import Determinism
import Digests
import Foundation

/// The least a service can do that answers from a database, or keeps facts beside a store: a thread for each connection,
/// blocking calls, connections of its own to both. It checks nothing, logs nothing and counts nothing.
enum BareService {
    enum Kind: String {
        /// The token and the file in one statement.
        case reading
        /// The intent is committed, the bytes are hashed and stored, the facts are committed with their event.
        case storing
    }

    /// Tables with the indexes of Waybill's, without triggers.
    static let schema = """
        CREATE TABLE bare_uploads (LIKE uploads INCLUDING ALL);
        CREATE TABLE bare_files (LIKE files INCLUDING ALL);
        CREATE TABLE bare_outbox (LIKE outbox_0 INCLUDING ALL)
        """
    private static let statements = [
        "read": """
        SELECT f.id, f.name, f.content_type, f.size, f.sha256, f.state, f.version, f.index_state, f.created_at, f.updated_at
          FROM files f JOIN access_tokens t ON (t.tenant, t.principal) = (f.tenant, f.owner)
         WHERE f.id = $1::uuid AND t.token_sha256 = decode($2, 'hex') AND t.revoked_at IS NULL
        """,
        "intend": """
        INSERT INTO bare_uploads (id, file_id, tenant, owner, name, content_type, declared_size, object_key, state, expires_at)
        VALUES ($1::uuid, $1::uuid, '\(Deployment.tenant)', '\(Deployment.owner)', $2, 'application/octet-stream', $3::bigint, $2,
                'PENDING', now() + interval '1 day')
        """,
        "keep": """
        WITH done AS (UPDATE bare_uploads SET state = 'COMPLETED', updated_at = now() WHERE id = $1::uuid),
             kept AS (
            INSERT INTO bare_files (id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                                    version, created_at, updated_at)
            VALUES ($1::uuid, $1::uuid, '\(Deployment.tenant)', '\(Deployment.owner)', $2, 'application/octet-stream', $3::bigint,
                    decode($4, 'hex'), $2, $4, 'AVAILABLE', 1, now(), now()))
        INSERT INTO bare_outbox (slot, event_id, topic, key, version, headers, payload)
        VALUES (0, $1 || '.1', 'waybill.files.v1', $1, 1, '{}', convert_to($4, 'UTF8'))
        """,
    ]

    /// Runs until the process ends.
    static func run(_ kind: Kind, portFile: String, _ database: String, _ store: ServerAddress) throws {
        try BareListener.run(portFile: portFile) { descriptor in
            let client = BareConnection(accepted: descriptor)
            // Whatever goes wrong closes the client's connection, which ends the benchmark's row.
            do {
                let database = try BareDatabase(database, statements)
                switch kind {
                case .reading: try read(for: client, database)
                case .storing: try keep(for: client, database, try BareConnection(store))
                }
            } catch { return }
        }
    }

    private static func read(for client: BareConnection, _ database: BareDatabase) throws {
        while true {
            let (head, _) = try client.receive()
            let words = head.split(whereSeparator: { $0.isWhitespace })
            guard words.count > 1, let token = words.last else {
                throw BenchFailure("not a request: \(head)")
            }
            let id = words[1].split(separator: "/").last.map(String.init) ?? ""
            let row = try database.run("read", [id, Digest256.of(Array(token.utf8)).hex])
            try client.answer(
                row.isEmpty ? "404 Not Found" : "200 OK",
                Array("[\"\(row.joined(separator: "\",\""))\"]".utf8)
            )
        }
    }

    private static func keep(
        for client: BareConnection,
        _ database: BareDatabase,
        _ store: BareConnection
    ) throws {
        while true {
            let (head, body) = try client.receive()
            let (id, size) = (UUID().text, "\(body.count)")
            _ = try database.run("intend", [id, id, size])
            let stored = try store.exchange(BareRequest(head, body))
            guard stored.status == 200 else { throw BenchFailure("the store answered \(stored.status)") }
            _ = try database.run("keep", [id, id, size, Digest256.of(body).hex])
            try client.answer("201 Created")
        }
    }
}

extension Site {
    /// A bare service of `deployment`, until the row is over.
    func startBareService(_ kind: BareService.Kind, _ deployment: Deployment) async throws -> ServerAddress {
        try await Command.psql(deployment.uploadDatabase, BareService.schema)
        let portFile = "\(folder)/bare-\(Site.mark()).port"
        let program = try Program(
            "Benchmarks",
            ["--bare", portFile, kind.rawValue, deployment.uploadDatabase, "\(store.port)"],
            log: "\(folder)/bare.log",
            children: children
        )
        atEndOfRow { await program.stop() }
        return ServerAddress(port: try await program.port(in: portFile))
    }
}
