import AccessTokens
import AsyncHTTPClient
import Determinism
import FaultPoints
import Foundation
import HTTPServing
import Logging
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceLifecycle
import TestSupport
import Testing

@testable import UploadService

/// What a test may change about the service before it starts.
struct ServiceOptions {
    var limits = UploadLimits()
    var transfers = TransferBudget.Limits()
    var connection = ConnectionLimits()
    var faults: any Faults = NoFaults()
    /// Whether due sagas are driven.
    var hasWorker = true
    /// Another way to the same database, for tests that cut it.
    var conninfo: String?
    /// A server of the test's own instead of a schema on the shared one.
    var database: PostgresSettings?

    init() {
        limits.sagaLease = .seconds(20)
        limits.sagaPollInterval = .milliseconds(100)
        limits.commitPatience = .seconds(3)
    }
}

/// The whole service in this process on a free port: real PostgreSQL, a real store, real sockets, no Kafka.
struct ServiceUnderTest: Sendable {
    /// Two owners of one tenant, one of another, and an operator.
    static let ann = "wb_ann"
    static let bob = "wb_bob"
    static let zoe = "wb_zoe"
    static let root = "wb_root"
    private static let callers: [(String, String, String, Set<Role>)] = [
        (ann, "acme", "ann", [.user]), (bob, "acme", "bob", [.user]), (zoe, "zeta", "zoe", [.user]),
        (root, "operations", "root", [.user, .superuser]),
    ]

    let port: Int
    /// The test's own connections, which no fault touches.
    let pool: PostgresPool
    let store: S3Store
    let bucket: TestBucket
    let wiring: Wiring
    let metrics: MetricsRegistry
    let witness: Witness

    var ledger: Ledger { Ledger(pool: pool) }

    static func run(
        _ change: (inout ServiceOptions) throws -> Void = { _ in },
        _ body: (ServiceUnderTest) async throws -> Void
    ) async throws {
        var options = ServiceOptions()
        try change(&options)
        let chosen = options
        await Turnstile.services.enter()
        defer { Task { await Turnstile.services.leave() } }
        try await withDatabase(options.database) { pool in
            try await Migrator.migrate(Schema.migrations, on: pool)
            for (token, tenant, name, roles) in callers {
                try await TokenStore(pool).insert(
                    token,
                    for: Caller(tenant: tenant, principal: name, roles: roles)
                )
            }
            try await TestBucket.with { bucket, store in
                try await serve(chosen, pool, bucket, store, body)
            }
        }
    }

    private static func withDatabase(
        _ own: PostgresSettings?,
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        guard let own else {
            return try await TestDatabase.withSchema({ $0.connectionLimit = 3 }) { try await body($0) }
        }
        let pool = TestDatabase.makePool(own)
        do { try await body(pool) } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    private static func serve(
        _ options: ServiceOptions,
        _ pool: PostgresPool,
        _ bucket: TestBucket,
        _ store: S3Store,
        _ body: (ServiceUnderTest) async throws -> Void
    ) async throws {
        let (witness, metrics, time) = (Witness(), MetricsRegistry(), SystemTime())
        let logger = Logger(label: "test") { _ in MemoryLog(witness: witness) }
        let servicePool = Self.servicePool(options, pool.settings)
        let health = HealthRegistry(time: time, logger: logger, interval: .milliseconds(100))
        let wiring = try Wiring(
            Surroundings(
                pool: servicePool,
                store: store,
                limits: options.limits,
                budget: TransferBudget(options.transfers),
                faults: options.faults,
                time: time,
                random: SystemRandom(),
                metrics: metrics,
                health: health,
                makeLogger: { _ in logger }
            )
        )
        health.add("database") { try await servicePool.ping() }
        health.add("object_store") { try await store.headBucket() }
        health.markStarted()
        let server = HTTPServer(
            HTTPServerSettings(limits: options.connection),
            router: wiring.makeRouter(),
            metrics: metrics,
            time: time,
            random: SystemRandom(),
            logger: logger
        )
        var services: [any Service] = [servicePool, wiring.doorbell, wiring.expiry, health, server]
        if options.hasWorker { services.insert(wiring.worker, at: 2) }
        let group = ServiceGroup(services: services, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let port = try #require(await server.listeningPort())
            let service = ServiceUnderTest(
                port: port,
                pool: pool,
                store: store,
                bucket: bucket,
                wiring: wiring,
                metrics: metrics,
                witness: witness
            )
            try await body(service)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private static func servicePool(_ options: ServiceOptions, _ settings: PostgresSettings) -> PostgresPool {
        var settings = settings
        if let conninfo = options.conninfo { settings.conninfo = conninfo }
        settings.connectionLimit = 6
        settings.leaseWaitLimit = .seconds(5)
        return TestDatabase.makePool(settings)
    }

    func connect() throws -> RawConnection { try RawConnection(port: port) }
}

// MARK: - Requests

/// An answer, read whole.
struct Answer: Sendable {
    let status: Int
    let fields: HTTPHeaders
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONValue { JSONValue(body) }
    var code: String? { json["errorCode"].text }
    var id: String { json["id"].text ?? "" }
}

extension ServiceUnderTest {
    static let files = "/api/v1/files"

    @discardableResult
    func send(
        _ method: HTTPMethod,
        _ path: String,
        as token: String? = Self.ann,
        fields: [(String, String)] = [],
        body: HTTPClientRequest.Body? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        for (name, value) in fields { request.headers.add(name: name, value: value) }
        request.body = body
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code),
            fields: response.headers,
            body: Array(bytes.readableBytesView)
        )
    }

    @discardableResult
    func upload(
        _ name: String,
        _ bytes: [UInt8] = Array("hello\n".utf8),
        as token: String = Self.ann,
        fields: [(String, String)] = []
    ) async throws -> Answer {
        try await send(
            .POST,
            "\(Self.files)?name=\(Self.encoded(name))",
            as: token,
            fields: fields,
            body: .bytes(bytes)
        )
    }

    static func encoded(_ text: String) -> String {
        text.utf8.map { (0x61...0x7A).contains($0) ? String(Unicode.Scalar($0)) : "%" + hexPair($0) }.joined()
    }

    private static func hexPair(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.utf8.count == 1 ? "0" + digits : digits
    }

    /// The head of a raw upload, for clients that misbehave in its body.
    func head(_ name: String, length: String) -> String {
        "POST \(Self.files)?name=\(name) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(Self.ann)\r\n\(length)\r\n\r\n"
    }
}
