import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("UploadService as a program", .serialized)
struct UploadProgramTests {
    @Test func everyMistakeOfTheSettingsIsToldAtOnce() async throws {
        let program = try await TestCommand.run(
            "UploadService",
            [],
            environment: [
                "WAYBILL_STALL_SECONDS": "soon", "WAYBILL_UPLOAD_BYTE_LIMT": "1", "S3_PROFILE": "floppy",
            ]
        )
        #expect(program.exitCode == 78)
        for name in [
            "WAYBILL_STALL_SECONDS", "WAYBILL_UPLOAD_BYTE_LIMT", "S3_PROFILE", "WAYBILL_DATABASE_URL",
            "S3_BUCKET",
            "KAFKA_BROKERS",
        ] { #expect(program.standardError.contains(name), "\(name)") }
    }

    @Test func itMigratesOnRequestAndWaitsForADatabaseThatIsAway() async throws {
        try await ThrowawayCluster.with { cluster in
            try await TestBucket.with { bucket, _ in
                let portFile = NSTemporaryDirectory() + "port-\(UUID().uuidString)"
                defer { try? FileManager.default.removeItem(atPath: portFile) }
                let environment = [
                    "WAYBILL_DATABASE_URL": cluster.settings.conninfo, "WAYBILL_HTTP_PORT": "0",
                    "WAYBILL_PORT_FILE": portFile, "S3_ENDPOINT": bucket.address, "S3_BUCKET": bucket.name,
                    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret-key",
                    "KAFKA_BROKERS": "127.0.0.1:9", "WAYBILL_TEST_DATABASE": "", "WAYBILL_TEST_S3": "",
                ]
                let refused = try await TestCommand.run("UploadService", [], environment: environment)
                #expect(refused.exitCode == 78)
                #expect(refused.standardError.contains("run `UploadService migrate` first"))
                #expect(refused.standardError.split(separator: "\n").count == 1)
                for words in [["migrate"], ["migrate"], ["migrate", "status"]] {
                    let done = try await TestCommand.run("UploadService", words, environment: environment)
                    #expect(done.exitCode == 0, "\(words)")
                    #expect(!done.standardOutput.contains("pending"), "\(words)")
                }
                try await cluster.stop("immediate")
                let program = try await TestProgram.start(
                    "UploadService",
                    environment: environment,
                    ready: "{"
                )
                try await eventually("it listens") { FileManager.default.fileExists(atPath: portFile) }
                let port = try String(contentsOfFile: portFile, encoding: .utf8).trimmingCharacters(
                    in: .newlines
                )
                #expect(try await status("livez", port) == 200)
                #expect(try await status("readyz", port) == 503)
                try await cluster.start()
                try await eventually(within: .seconds(30), "ready") {
                    try await status("readyz", port) == 200
                }
                #expect(try await program.terminate() == .exited(0))
            }
        }
    }

    private func status(_ path: String, _ port: String) async throws -> Int {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/\(path)")
        return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(10)).status.code)
    }
}
