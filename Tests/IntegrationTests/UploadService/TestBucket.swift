import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ObjectStore
import ServiceBootstrap
import TestSupport

/// A bucket of its own in a DevStore that all tests share: a real store behind a real socket, which can be told to fail. With
/// `WAYBILL_TEST_S3_PROFILE=radosgw` in the store of `WAYBILL_TEST_S3`, which cannot.
struct TestBucket: Sendable {
    struct Refused: Error { let status: HTTPResponseStatus }

    let name: String
    let address: String

    static var isForeign: Bool {
        ProcessInfo.processInfo.environment["WAYBILL_TEST_S3_PROFILE"] == "radosgw"
    }

    static func with(_ body: (TestBucket, S3Store) async throws -> Void) async throws {
        let bucket = TestBucket(
            name: "upload-\(UUID().uuidString.lowercased().prefix(13))",
            address: try isForeign ? StoreFixture.settings().0.endpoint : await SharedStore.shared.address()
        )
        let store = try bucket.makeStore()
        do {
            try await store.createBucket()
            try await body(bucket, store)
            await store.shutdown()
        } catch {
            await store.shutdown()
            throw error
        }
    }

    func makeStore() throws -> S3Store {
        var settings = try Self.isForeign ? StoreFixture.settings().0 : devStoreSettings
        settings.bucket = name
        settings.retries.base = .milliseconds(10)
        settings.retries.attemptLimit = 3
        return try S3Store(
            settings,
            time: SystemTime(),
            random: SystemRandom(),
            logger: Logger(label: "test.store") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// As the profile `devstore` has it.
    private var devStoreSettings: S3Settings {
        var settings = S3Settings(
            endpoint: address,
            bucket: name,
            credentials: S3Credentials(accessKeyID: "test", secretAccessKey: "test-secret-key")
        )
        settings.profile.checksumsEnforced = true
        settings.profile.conditionalWritesEnforced = true
        settings.profile.streamSigning = .unsignedTrailer(.crc32c)
        return settings
    }

    /// Makes requests to this bucket go wrong. The rule is JSON without its bucket, for example
    /// `"method":"PUT","action":"dropAfter","count":1`.
    func strike(_ rule: String) async throws {
        var request = HTTPClientRequest(url: "\(address)/_faults")
        request.method = .POST
        request.body = .bytes(ByteBuffer(string: #"[{"bucket":"\#(name)",\#(rule)}]"#))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        guard response.status == .ok || response.status == .noContent || response.status == .created else {
            throw Refused(status: response.status)
        }
    }

    /// How many requests to this bucket each rule has struck, in the order in which they were made.
    func strikes() async throws -> [Int] {
        let request = HTTPClientRequest(url: "\(address)/_faults")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        let body = try await response.body.collect(upTo: 16 << 20)
        let rules = JSONValue(Array(body.readableBytesView)).items
        return rules.filter { $0["bucket"].text == name }.map { $0["hits"].number ?? 0 }
    }
}

/// One DevStore for the test process; the kernel ends it with the process.
private actor SharedStore {
    static let shared = SharedStore()
    private var running: Task<TestProgram, any Error>?

    func address() async throws -> String {
        if let running { return try await running.value.address }
        let starting = Task {
            let folder = ProcessFolder.make("waybill-store")
            return try await TestProgram.start(
                "DevStore",
                ["--port", "0", "--data", folder, "--access-key", "test", "--secret-key", "test-secret-key"]
            )
        }
        running = starting
        return try await starting.value.address
    }
}
