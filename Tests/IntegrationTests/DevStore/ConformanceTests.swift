import Foundation
import ObjectStore
import TestSupport
import Testing

@Suite("DevStore behaves as S3 does")
struct ConformanceTests {
    @Test("boto3 finds nothing to complain about", .enabled(if: hasBoto3()))
    func boto3() async throws {
        try await DevStoreFixture.with { fixture in
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../EndToEndTests/s3_conformance.py").standardized.path
            let (status, output) = try await run([
                script, "--endpoint", fixture.endpoint, "--access-key", DevStoreFixture.accessKey,
                "--secret-key", DevStoreFixture.secretKey,
            ])
            #expect(status == 0, "\(output)")
            #expect(output.contains("as expected"))
        }
    }

    @Test("SIGTERM ends it with 0, even while a client is connected")
    func endsOnTerm() async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.withClient { client in
                _ = try await client.head("absent")
                #expect(try await fixture.program.terminate() == .exited(0))
            }
        }
    }
}

/// The one that deploy/test equips; else the machine's own may do.
private let python = ProcessInfo.processInfo.environment["WAYBILL_TEST_PYTHON"] ?? "python3"

private func hasBoto3() -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, "-c", "import boto3"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}

private func run(_ arguments: [String]) async throws -> (Int32, String) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python] + arguments
    process.standardOutput = output
    process.standardError = output
    return try await withCheckedThrowingContinuation { continuation in
        let reader = Thread {
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            continuation.resume(returning: (process.terminationStatus, text))
        }
        do {
            try process.run()
            reader.start()
        } catch { continuation.resume(throwing: error) }
    }
}
