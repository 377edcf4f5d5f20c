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
    /// Whether due sagas, and consistency checks, are driven.
    var (hasWorker, hasChecks) = (true, false)
    /// Nil: nobody shows how old the canary is.
    var canaryInterval: Duration?
    /// Another way to the same database, for tests that cut it.
    var conninfo: String?
    var checks = CheckSettings()
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
    static let (ann, bob, zoe, root) = ("wb_ann", "wb_bob", "wb_zoe", "wb_root")

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
            try await prepare(pool)
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

    /// On a database that is prepared, and a bucket that outlives it.
    static func serve(
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
                makeLogger: { _ in logger },
                checks: options.checks
            )
        )
        health.add("database") { try await servicePool.ping() }
        health.add("object_store") { try await store.headBucket() }
        if let interval = options.canaryInterval { Canary.show(every: interval, wiring.surroundings) }
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
        if options.hasChecks { services.insert(wiring.checks, at: 1) }
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
        if let conninfo = options.conninfo {
            settings.conninfo = conninfo
            // A door that can be shut: what a request then meets is the subject.
            settings.leaseWaitLimit = .seconds(5)
            settings.connectTimeout = .seconds(5)
        }
        settings.connectionLimit = 6
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

/// JSON, looked into without ceremony; what is not there is null.
struct JSONValue {
    private let value: Any?

    init(_ bytes: [UInt8]) { value = try? JSONSerialization.jsonObject(with: Data(bytes)) }
    private init(value: Any?) { self.value = value }

    subscript(name: String) -> JSONValue { JSONValue(value: (value as? [String: Any])?[name]) }
    subscript(index: Int) -> JSONValue {
        JSONValue(value: (value as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil })
    }
    var text: String? { value as? String }
    var number: Int? { (value as? NSNumber)?.intValue }
    var items: [JSONValue] { (value as? [Any])?.map { JSONValue(value: $0) } ?? [] }
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
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    /// The head of a raw upload, for clients that misbehave in its body.
    func head(_ name: String, length: String) -> String {
        "POST \(Self.files)?name=\(name) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(Self.ann)\r\n\(length)\r\n\r\n"
    }
}
