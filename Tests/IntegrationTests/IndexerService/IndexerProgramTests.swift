import AccessTokens
import AsyncHTTPClient
import Determinism
import EventContracts
import Foundation
import KafkaClient
import Logging
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import IndexerService

/// The built program with a broker, a store and a database, as it runs in production.
@Suite("IndexerService as a program", .timeLimit(.minutes(3)))
struct IndexerProgramTests {
    private struct Stack {
        let pool: PostgresPool
        let environment: [String: String]
        let broker: String
        let storeAddress: String
    }

    private static let token = "wb_" + String(repeating: "ab", count: 32)
    private static let topics = "waybill.files.v1:3,waybill.index.v1:3"

    private func withStack(_ body: (Stack) async throws -> Void) async throws {
        let folder = "\(NSTemporaryDirectory())/indexer-program-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let storeArguments = [
            "--data", folder, "--bucket", "test", "--access-key", "key", "--secret-key", "secret-key",
        ]
        try await TestDatabase.withSchema { pool in
            let base = try TestDatabase.url()
            let schema = try #require(pool.settings.schema)
            try await TestProgram.with("DevStore", storeArguments) { store in
                try await TestProgram.with("DevBroker", ["--port", "0", "--topics", Self.topics]) { broker in
                    let environment = [
                        "WAYBILL_DATABASE_URL": base + (base.contains("?") ? "&" : "?")
                            + "options=-csearch_path%3D\(schema)",
                        "KAFKA_BROKERS": broker.address, "S3_ENDPOINT": store.address, "S3_BUCKET": "test",
                        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-key",
                        "S3_PROFILE": "devstore",
                        "WAYBILL_HTTP_PORT": "0", "WAYBILL_LATE_SECONDS": "1",
                    ]
                    try await body(
                        Stack(
                            pool: pool,
                            environment: environment,
                            broker: broker.address,
                            storeAddress: store.address
                        )
                    )
                }
            }
        }
    }

    private func run(_ stack: Stack, _ arguments: String...) async throws -> TestCommand {
        try await TestCommand.run("IndexerService", arguments, environment: stack.environment)
    }

    /// The bucket, marked as the upload service does it.
    private func withStore(_ stack: Stack, _ body: (S3Store) async throws -> Void) async throws {
        let store = try IndexerWorld.makeStore(stack.storeAddress)
        do {
            try await IndexerWorld.mark(store)
            try await body(store)
            await store.shutdown()
        } catch {
            await store.shutdown()
            throw error
        }
    }

    private func serving(_ stack: Stack, _ body: (String) async throws -> Void) async throws {
        let program = try await TestProgram.start(
            "IndexerService",
            environment: stack.environment,
            ready: "{"
        )
        let line = try await program.line { $0.contains("listening on") }
        let port = try #require(line.firstMatch(of: /listening on 127.0.0.1:([0-9]+)/)?.1)
        do { try await body("http://127.0.0.1:\(port)") } catch {
            await program.kill()
            throw error
        }
        #expect(try await program.terminate() == .exited(0))
    }

    private func produce(_ events: [FileEvent], to broker: String) async throws {
        let producer = try KafkaProducer(
            KafkaSettings(["bootstrap.servers": broker]),
            logger: Logger(label: "test")
        )
        let records = try events.map { event in
            let encoded = try event.encoded()
            return ProducerRecord(
                topic: encoded.topic.name,
                key: Array(encoded.key.utf8),
                value: encoded.payload,
                headers: RecordHeaders(encoded.headers)
            )
        }
        for report in await producer.produce(records) {
            guard case .acked = report else { throw NotProduced(report: "\(report)") }
        }
        await producer.close(flushLimit: .seconds(5))
    }

    private struct NotProduced: Error { let report: String }

    private func get(_ url: String, token: String? = token) async throws -> (Int, String) {
        var request = HTTPClientRequest(url: url)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        return (Int(answer.status.code), String(buffer: try await answer.body.collect(upTo: 1 << 20)))
    }

    @Test func refusesADatabaseThatIsNotMigratedWithOneSentence() async throws {
        try await withStack { stack in
            let refused = try await run(stack)
            #expect(refused.exitCode == 78)
            #expect(refused.standardError.contains("run `IndexerService migrate` first"))
            #expect(refused.standardError.split(separator: "\n").count == 1)
            #expect(
                try await run(stack, "migrate", "status").standardOutput.contains("1 access_tokens: pending")
            )
            #expect(try await run(stack, "migrate").standardOutput.contains("applied 6 documents"))
            #expect(try await run(stack, "migrate").exitCode == 0)
            #expect(!(try await run(stack, "migrate", "status").standardOutput.contains("pending")))
            #expect(try await run(stack, "frobnicate").exitCode == 64)
            #expect(try await run(stack, "offsets", "reset").exitCode == 78)
        }
    }

    @Test func indexesWhatTheTopicTellsAndAnswersSearches() async throws {
        try await withStack { stack in
            #expect(try await run(stack, "migrate").exitCode == 0)
            try await TokenStore(stack.pool).insert(
                Self.token,
                for: Caller(tenant: "acme", principal: "ada", roles: [.user])
            )
            try await withStore(stack) { store in
                let story = FileStory(1, name: "Bericht März.txt", content: "Der Käse liegt im Keller.")
                _ = try await store.put(story.objectKey, body: .bytes(ByteBuffer(string: story.content)))
                try await produce([story.stored()], to: stack.broker)
                try await serving(stack) { url in
                    try await eventually(within: .seconds(40), "indexed") {
                        try await get("\(url)/api/v1/search?q=k%C3%A4se+keller").1.contains(story.fileID.text)
                    }
                    #expect(
                        try await get("\(url)/api/v1/search?q=k%C3%A4se+-keller").1
                            == #"{"items":[],"next_cursor":null}"#
                    )
                    #expect(try await get("\(url)/api/v1/search?q=x", token: nil).0 == 401)
                    #expect(try await get("\(url)/api/v1/search?q=-x").0 == 400)
                    #expect(try await get("\(url)/readyz", token: nil).0 == 200)
                    try await eventually("lag is told and gone") {
                        let metrics = try await get("\(url)/metrics", token: nil).1
                        return metrics.contains("waybill_consumer_lag_records 0\n")
                            && metrics.contains("waybill_indexed_files_total{kind=\"plain\"} 1\n")
                            && metrics.contains("waybill_consumer_records_total{outcome=\"applied\"} 1\n")
                    }

                    // A running reader lets go when it is reset, and reads everything again.
                    let reset = try await run(stack, "offsets", "reset", "--topic", "waybill.files.v1")
                    #expect(reset.standardOutput.contains("was at 1, starts at the beginning"))
                    try await produce([story.deleted(2), story.purging(3)], to: stack.broker)
                    try await eventually(within: .seconds(40), "removed") {
                        try await store.head(story.objectKey) == nil
                    }
                    try await eventually(within: .seconds(20), "the removal is answered") {
                        try await IndexerWorld.answers(on: stack.pool).count == 2
                    }
                    try await eventually(within: .seconds(20), "read again") {
                        try await get("\(url)/metrics", token: nil).1
                            .contains("waybill_consumer_records_total{outcome=\"repeated\"} 1\n")
                    }
                }
            }
            let types = try await IndexerWorld.answers(on: stack.pool).map(\.type)
            #expect(types == [.fileIndexed, .fileBytesRemoved])
        }
    }
}
