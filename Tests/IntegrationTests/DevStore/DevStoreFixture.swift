import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ObjectStore
import ServiceBootstrap
import TestSupport

/// A development store of one test: its own folder, its own port, gone afterwards.
struct DevStoreFixture {
    static let accessKey = "test-access"
    static let secretKey = "test-secret"
    static let noDeleteKey = "no-delete"
    static let putOnlyKey = "put-only"

    let program: TestProgram
    let folder: String

    var endpoint: String { program.address }

    static func with<Value: Sendable>(
        _ body: (DevStoreFixture) async throws -> Value
    ) async throws -> Value {
        let folder = "\(NSTemporaryDirectory())/devstore-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await TestProgram.with("DevStore", arguments(folder)) { program in
            try await body(DevStoreFixture(program: program, folder: folder))
        }
    }

    /// Ends the program with SIGKILL and starts it again on the same folder.
    func afterKill<Value: Sendable>(
        _ body: (DevStoreFixture) async throws -> Value
    ) async throws -> Value {
        await program.kill()
        return try await TestProgram.with("DevStore", Self.arguments(folder)) { program in
            try await body(DevStoreFixture(program: program, folder: folder))
        }
    }

    private static func arguments(_ folder: String) -> [String] {
        [
            "--data", folder, "--bucket", "test", "--access-key", accessKey, "--secret-key", secretKey,
            "--no-delete-key", "\(noDeleteKey):\(secretKey)",
            "--put-only-key", "\(putOnlyKey):\(secretKey):incoming/",
        ]
    }

    func withClient<Value>(
        accessKey: String = DevStoreFixture.accessKey,
        attemptLimit: Int = 1,
        presigning: S3Presigning = S3Presigning(),
        streamSigning: StoreProfile.StreamSigning = .unsigned,
        _ body: (S3Store) async throws -> Value
    ) async throws -> Value {
        var settings = S3Settings(
            endpoint: endpoint,
            bucket: "test",
            credentials: S3Credentials(accessKeyID: accessKey, secretAccessKey: Self.secretKey)
        )
        settings.profile.conditionalWritesEnforced = true
        settings.profile.checksumsEnforced = true
        settings.retries.attemptLimit = attemptLimit
        settings.presigning = presigning
        settings.profile.streamSigning = streamSigning
        let client = try S3Store(
            settings,
            time: SystemTime(),
            random: SystemRandom(),
            logger: Logger(label: "test")
        )
        do {
            let value = try await body(client)
            await client.shutdown()
            return value
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// Calls an endpoint of the test build, such as `/_faults`.
    @discardableResult
    func control(_ method: String, _ path: String, _ body: String = "") async throws -> (Int, String) {
        var request = HTTPClientRequest(url: endpoint + path)
        request.method = .init(rawValue: method)
        if !body.isEmpty { request.body = .bytes(ByteBuffer(string: body)) }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        let text = try await answer.body.collect(upTo: 64 << 20)
        return (Int(answer.status.code), String(buffer: text))
    }

    func inject(_ rules: String) async throws {
        let (status, answer) = try await control("POST", "/_faults", rules)
        guard status == 204 else { throw FaultRefused(answer: answer) }
    }

    struct Seen: Decodable {
        var method: String
        var key: String?
        var status: Int
        var fault: String?
        var applied: Bool
    }

    func log() async throws -> [Seen] {
        try JSONDecoder().decode([Seen].self, from: Data(try await control("GET", "/_log").1.utf8))
    }
}

struct FaultRefused: Error { let answer: String }
