import AccessTokens
import Foundation
import PostgresClient
import ServiceBootstrap

/// Databases, a bucket and a broker of one row, and the services on them.
struct Deployment: Sendable {
    let site: Site
    let uploadDatabase: String
    let indexerDatabase: String
    let bucket: Bucket
    let brokers: String
    let uploads: PostgresPool
    let documents: PostgresPool
    /// Of principal `ann` of tenant `bench`, user and superuser, known to both services.
    let token: String

    static let tenant = "bench"
    static let owner = "ann"

    init(at site: Site) async throws {
        self.site = site
        uploadDatabase = try await site.freshDatabase("upload")
        indexerDatabase = try await site.freshDatabase("indexer")
        bucket = try await site.freshBucket()
        brokers = try await site.freshBrokers()
        uploads = site.pool(uploadDatabase)
        documents = site.pool(indexerDatabase)
        token = newAccessToken(from: SystemRandom())
        for name in ["UploadService", "IndexerService"] {
            _ = try await Command.run(name, ["migrate"], environment: environment(of: name))
        }
        let caller = Caller(tenant: Self.tenant, principal: Self.owner, roles: [.user, .superuser])
        for pool in [uploads, documents] { try await TokenStore(pool).insert(token, for: caller) }
    }

    /// Starts a service of this deployment and waits until it is ready. It ends with the row, if not before.
    func start(
        _ name: String,
        _ extra: [String: String] = [:]
    ) async throws -> Service {
        let portFile = "\(site.folder)/\(name)-\(Site.mark()).port"
        let program = try Program(
            name,
            environment: environment(of: name).merging(["WAYBILL_PORT_FILE": portFile]) { _, new in new }
                .merging(extra) { _, new in new },
            log: "\(site.folder)/\(name)-\(Site.mark()).log",
            children: site.children
        )
        site.atEndOfRow { await program.stop() }
        let service = Service(
            program: program,
            address: ServerAddress(port: try await program.port(in: portFile, within: .seconds(300))),
            token: token
        )
        try await eventually(within: .seconds(300), "\(name) is ready") {
            guard program.isRunning else { throw ProgramEnded("\(name) has ended: \(program.lastWords)") }
            return try await onThread { Result { try service.get("/readyz") } }.get().status == 200
        }
        return service
    }

    /// Production's settings, but nothing that comes by itself.
    private func environment(of name: String) -> [String: String] {
        var variables = [
            "WAYBILL_HTTP_PORT": "0",
            "KAFKA_BROKERS": brokers,
            // The mock broker answers an empty fetch only when its time is over.
            "KAFKA_SETTINGS": "session.timeout.ms=6000;fetch.wait.max.ms=10",
        ]
        if name == "OutboxRelay" {
            variables["KAFKA_SETTINGS"] = nil
            variables["WAYBILL_OUTBOX_DATABASES"] = "upload=\(uploadDatabase)"
            return variables
        }
        variables["WAYBILL_DATABASE_URL"] = name == "UploadService" ? uploadDatabase : indexerDatabase
        variables["S3_ENDPOINT"] = bucket.address.endpoint
        variables["S3_BUCKET"] = bucket.name
        variables["S3_PROFILE"] = bucket.address.profile
        variables["AWS_ACCESS_KEY_ID"] = bucket.address.accessKey
        variables["AWS_SECRET_ACCESS_KEY"] = bucket.address.secretKey
        if name == "UploadService" {
            variables["WAYBILL_CANARY_INTERVAL_SECONDS"] = "0"
            variables["WAYBILL_CHECK_INTERVAL_SECONDS"] = "0"
        }
        return variables
    }
}

/// A service that runs.
struct Service: Sendable {
    let program: Program
    let address: ServerAddress
    let token: String

    var url: String { "http://127.0.0.1:\(address.port)" }

    func request(
        _ method: String,
        _ path: String,
        fields: [String] = [],
        body: [UInt8] = []
    ) -> BareRequest {
        BareRequest(
            method,
            path,
            host: "127.0.0.1",
            fields: ["authorization: Bearer \(token)"] + fields,
            body: body
        )
    }

    /// Blocks: for threads of one's own.
    func get(_ path: String) throws -> BareAnswer {
        try BareConnection(address).exchange(request("GET", path), keepsBody: true)
    }

    /// One request on a connection of its own.
    func send(_ request: BareRequest) async throws -> BareAnswer {
        try await onThread { Result { try BareConnection(address).exchange(request, keepsBody: true) } }.get()
    }
}

extension Site {
    /// The libpq URI of a new database, which goes when the row is over.
    func freshDatabase(_ purpose: String) async throws -> String {
        let name = "waybill_bench_\(Site.mark())_\(purpose)"
        let server = options.database
        guard let match = try /(postgres(?:ql)?:\/\/[^\/?]*)(?:\/[^?]*)?(\?.*)?/.wholeMatch(in: server) else {
            throw BenchFailure("--database is no libpq URI")
        }
        try await Command.psql(server, "CREATE DATABASE \(name) ENCODING 'UTF8' TEMPLATE template0")
        atEndOfRow { try? await Command.psql(server, "DROP DATABASE IF EXISTS \(name) WITH (FORCE)") }
        return "\(match.1)/\(name)\(match.2 ?? "")"
    }
}
