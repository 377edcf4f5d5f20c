import Foundation
import TestSupport
import Testing

@Suite("Clients nobody here wrote see what the API says", .timeLimit(.minutes(2)))
struct ForeignClientTests {
    /// What the Python clients print.
    private struct View: Decodable {
        struct Object: Decodable {
            let key: String
            let size: Int
            let sha256: String
            let contentType: String
            let metadata: [String: String]
        }
        struct Event: Decodable {
            struct Content: Decodable {
                let fileId: String
                let tenant: String
                let owner: String
                let version: Int
            }
            let topic: String
            let partition: Int
            let offset: Int
            let key: String
            let id: String
            let source: String
            let type: String
            let specversion: String
            let subject: String?
            let time: String
            let datacontenttype: String
            let data: Content
        }
        let objects: [Object]
        let events: [Event]
    }

    @Test func botoKafkaAndCloudEvents() async throws {
        try await TestStack.with { stack in
            let plain = try await stack.store("Übung.txt", "Ein Wombat übt.")
            let large = try await stack.upload(
                "large.bin",
                Array(repeating: 7, count: 9 << 20),
                contentType: "application/octet-stream",
                isLengthKnown: false
            )
            #expect(large.status == 201)
            let trashed = try await stack.store("trashed.md", "# Soon gone")
            try await stack.delete(trashed)
            let purged = try await stack.store("purged.csv", "a,b")
            try await stack.delete(purged, purge: true)
            #expect(try await stack.upload("refused", [1], fields: TestStack.wrongDigest).status == 422)
            try await stack.becomesQuiet()

            let view = try await look(stack)
            try await compareBucket(view, stack)
            try await compareEvents(view, stack)
            try await compareFacts(view, stack, [plain, try #require(large.string("id"))])
            #expect(view.objects.count == 3)
            try await stack.isSound()
        }
    }

    private func look(_ stack: TestStack) async throws -> View {
        let python = try #require(
            ProcessInfo.processInfo.environment["WAYBILL_TEST_PYTHON"],
            "WAYBILL_TEST_PYTHON is not set: this test needs a Python with boto3, confluent-kafka and cloudevents"
        )
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("foreign_clients.py").path
        let run = try await TestCommand.run(
            python,
            [
                script, "--endpoint", try stack.url(of: .devStore), "--bucket", TestStack.bucket,
                "--access-key", TestStack.accessKey, "--secret-key", TestStack.secretKey,
                "--brokers", "127.0.0.1:\(try stack.port(of: .devBroker))",
                "--topic", TestStack.filesTopic, "--topic", TestStack.indexTopic,
            ]
        )
        #expect(run.isSuccess, "\(run.output)")
        let last = run.output.split(separator: "\n").last ?? ""
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(View.self, from: Data(last.utf8))
    }

    private func psql(_ database: String, _ query: String) async throws -> Set<String> {
        let run = try await TestCommand.run("/usr/bin/psql", [database, "-XAtc", query])
        #expect(run.isSuccess, "\(run.output)")
        return Set(run.output.split(separator: "\n").map(String.init))
    }

    /// boto3 and psql: the same keys, sizes, digests, types, and whose they are.
    private func compareBucket(_ view: View, _ stack: TestStack) async throws {
        let rows = try await psql(
            stack.uploadDatabaseURL,
            """
            SELECT object_key, size, encode(sha256, 'hex'), content_type, id, upload_id FROM files WHERE state <> 'PURGED'
            """
        )
        let objects = view.objects.map { object in
            let owner = "\(object.metadata["file-id"] ?? "-")|\(object.metadata["upload-id"] ?? "-")"
            return "\(object.key)|\(object.size)|\(object.sha256)|\(object.contentType)|\(owner)"
        }
        #expect(Set(objects) == rows)
        for object in view.objects {
            // A client may declare a digest, or not.
            let names = Set(object.metadata.keys).subtracting(["sha256"])
            #expect(names == ["file-id", "upload-id", "owner", "name"])
        }
    }

    /// confluent-kafka, cloudevents and psql: every version of every file, and every answer of the indexer, once.
    private func compareEvents(_ view: View, _ stack: TestStack) async throws {
        for event in view.events {
            #expect(event.specversion == "1.0")
            #expect(event.datacontenttype == "application/json")
            #expect(event.subject == event.key)
            #expect(event.data.fileId == event.key)
            #expect(event.data.tenant == "acme")
            #expect(event.data.owner == "ann")
            let isOurs = event.topic == TestStack.filesTopic
            #expect(event.source == "/waybill/\(isOurs ? "upload" : "indexer")-service")
            #expect(event.time.hasSuffix("+00:00"))
        }
        let files = view.events.filter { $0.topic == TestStack.filesTopic && $0.type != "upload.discarded" }
        let versions = Dictionary(grouping: files, by: \.key).mapValues { events in
            events.sorted { $0.offset < $1.offset }.map(\.data.version)
        }
        let told = Set(versions.map { "\($0.key)|\($0.value)" })
        let rows = try await psql(
            stack.uploadDatabaseURL,
            "SELECT id, '[' || (SELECT string_agg(v::text, ', ' ORDER BY v) FROM generate_series(1, version) v) || ']' FROM files"
        )
        #expect(told == rows)
        let discarded = view.events.filter { $0.type == "upload.discarded" }.map(\.key)
        let reaped = try await psql(
            stack.uploadDatabaseURL,
            "SELECT file_id FROM uploads WHERE state = 'REAPED'"
        )
        #expect(Set(discarded) == reaped)
        let answers = view.events.filter { $0.topic == TestStack.indexTopic }.map(\.id)
        let applied = try await psql(
            stack.uploadDatabaseURL,
            "SELECT event_id FROM inbox WHERE consumer = 'upload-service'"
        )
        #expect(Set(answers) == applied)
        #expect(answers.count == applied.count)
    }

    /// boto3 and the HTTP API: what a caller is told of his files is what lies there.
    private func compareFacts(_ view: View, _ stack: TestStack, _ ids: [String]) async throws {
        let listing = try await stack.send("GET", .uploadService, "/api/v1/files")
        let files = listing.json["files"] as? [[String: Any]] ?? []
        let items = listing.json["items"] as? [[String: Any]] ?? files
        #expect(Set(items.compactMap { $0["id"] as? String }) == Set(ids), "\(listing.text)")
        for id in ids {
            let facts = try await stack.facts(id)
            let object = try #require(view.objects.first { $0.metadata["file-id"] == id })
            #expect(facts.integer("size") == object.size)
            #expect(facts.string("sha256") == object.sha256)
            #expect(facts.string("content_type") == object.contentType)
            #expect(try await stack.content(id).body.count == object.size)
        }
    }
}
