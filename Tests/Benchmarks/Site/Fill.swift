import Foundation
import ObjectStore
import PostgresClient
import ServiceBootstrap

/// Puts rows and objects where a row of the table wants many. Not measured.
enum Fill {
    /// What every object holds.
    static let content = Array("sixteen bytes...".utf8)
    /// MD5 of `content`, as stores give it for an object written in one piece.
    static let contentETag = "md5('sixteen bytes...')"

    /// A version 7 UUID, as the service makes them: its time is `n` milliseconds into 2026, the rest of it random.
    static func id(_ kind: String) -> String {
        let digits = "md5('\(kind)' || n)"
        return """
            (lpad(to_hex(1767225600000 + n), 12, '0') || '7' || substr(\(digits), 1, 3) || '8' || substr(\(digits), 4, 15))::uuid
            """
    }

    private static let key = "'\(Deployment.tenant)/2026/01/' || \(id("key")) || '.1'"

    /// Files `from` to `to` of the deployment's owner, stored and published; their objects are `objects(of:)`.
    static func files(_ deployment: Deployment, from: Int = 1, to: Int) async throws {
        let url = deployment.uploadDatabase
        let who = "'\(Deployment.tenant)', '\(Deployment.owner)', 'file-' || n, 'text/plain'"
        let (file, upload) = (id("file"), id("upload"))
        let series = "FROM generate_series(\(from), \(to)) n"
        // The triggers keep quotas, which no tenant has here.
        try await Command.psql(
            url,
            """
            ALTER TABLE uploads DISABLE TRIGGER USER;
            ALTER TABLE files DISABLE TRIGGER USER;
            INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, declared_size, object_key, state, expires_at)
            SELECT \(upload), \(file), \(who), 16, \(key), 'COMPLETED', now() + '1 day' \(series);
            INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, sha256, object_key, etag, state,
                               version, published_version, index_state, created_at, updated_at)
            SELECT \(file), \(upload), \(who), 16, sha256('sixteen bytes...'), \(key),
                   \(contentETag), 'AVAILABLE', 1, 1, 'INDEXED', now(), now() \(series);
            ALTER TABLE uploads ENABLE TRIGGER USER;
            ALTER TABLE files ENABLE TRIGGER USER;
            """
        )
        for table in ["uploads", "files"] { try await Command.psql(url, "VACUUM (ANALYZE) \(table)") }
    }

    private static let keys: Statement =
        "SELECT object_key FROM files WHERE object_key > $1 COLLATE \"C\" ORDER BY object_key LIMIT 5000"

    /// The objects of all files there are rows of.
    static func objects(of deployment: Deployment) async throws {
        var last = ""
        while true {
            let page = try await deployment.uploads.query(keys, last).map { try $0.text(0) }
            guard let end = page.last else { return }
            let puts = try await deployment.bucket.puts(page, content)
            _ = try await Load.run(deployment.bucket.address.server, clients: 8, puts)
            last = end
        }
    }

    /// Searchable documents of the deployment's owner, eight words each out of 20 000.
    static func documents(_ deployment: Deployment, count: Int) async throws {
        let words = (0..<8).map { "'w' || (n * \([1, 7, 31, 127, 211, 509, 1_021, 2_053][$0]) % 20000)" }
            .joined(separator: " || ' ' || ")
        try await Command.psql(
            deployment.indexerDatabase,
            """
            INSERT INTO documents (file_id, version, tenant, owner, state, index_state, name, content_type, size, sha256,
                                   object_key, search, excerpt, updated_at)
            SELECT \(id("file")), 1, '\(Deployment.tenant)', '\(Deployment.owner)', 'LIVE', 'INDEXED',
                   'file-' || n, 'text/plain', 16, repeat('0', 64),
                   \(key),
                   to_tsvector('simple', \(words)), \(words), now()
              FROM generate_series(1, \(count)) AS s (k), LATERAL (SELECT k::bigint AS n) AS numbers
            """
        )
        try await Command.psql(deployment.indexerDatabase, "VACUUM (ANALYZE) documents")
    }
}

extension StoreAddress {
    var server: ServerAddress { ServerAddress(host: host, port: port) }
}

extension Bucket {
    /// Requests that store `content` under each key, signed in advance.
    func puts(_ keys: [String], _ content: [UInt8]) async throws -> [BareRequest] {
        try await withStore { store in
            try keys.map { key in
                let url = try store.presign(
                    .put(key: key, length: Int64(content.count)),
                    expiresIn: .seconds(3_600)
                )
                return BareRequest(
                    "PUT",
                    Self.target(of: url),
                    host: "\(address.host):\(address.port)",
                    body: content
                )
            }
        }
    }

    /// What follows host and port.
    static func target(of url: String) -> String {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return "/" + (parts.count > 3 ? parts[3] : "")
    }
}
