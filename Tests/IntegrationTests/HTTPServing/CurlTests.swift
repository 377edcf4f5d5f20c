import Foundation
import HTTPServing
import Testing

@Suite("curl gets what it asks for")
struct CurlTests {
    private func curl(_ arguments: [String], input: Data) async throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "waybill-\(UUID().uuidString)"
        )
        try input.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        process.arguments =
            ["-sS", "-m", "20"] + arguments.map { $0.replacingOccurrences(of: "FILE", with: file.path) }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let bytes = output.fileHandleForReading.readDataToEndOfFile()
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    @Test func uploadsAfterBeingInvited() async throws {
        try await TestServer.run { server in
            let answer = try await curl(
                [
                    "-i", "-H", "Expect: 100-continue", "--expect100-timeout", "15", "--data-binary", "@FILE",
                    "http://127.0.0.1:\(server.port)/count",
                ],
                input: Data(repeating: 7, count: 3 << 20)
            )
            #expect(answer.hasPrefix("HTTP/1.1 100 Continue") && answer.hasSuffix("\(3 << 20)"))
        }
    }

    @Test func isRefusedBeforeItSends() async throws {
        try await TestServer.run { server in
            let answer = try await curl(
                [
                    "-H", "Expect: 100-continue", "--expect100-timeout", "15", "--data-binary", "@FILE", "-o",
                    "/dev/null",
                    "-w", "%{http_code} %{size_upload}", "http://127.0.0.1:\(server.port)/refuse",
                ],
                input: Data(repeating: 7, count: 3 << 20)
            )
            #expect(answer == "409 0")
        }
    }

    @Test func sendsForms() async throws {
        try await TestServer.run { server in
            let answer = try await curl(
                [
                    "-F", "note=hello", "-F", "file=@FILE;filename=a \"b\".bin", "-F",
                    "again=@FILE;filename=c.bin",
                    "http://127.0.0.1:\(server.port)/form",
                ],
                input: Data((0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            )
            #expect(answer == "note:-:5\nfile:a \"b\".bin:\(1 << 20)\nagain:c.bin:\(1 << 20)")
        }
    }
}
