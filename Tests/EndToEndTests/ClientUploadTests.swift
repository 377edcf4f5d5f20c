import Foundation
import TestSupport
import Testing

@Suite("The client brings files in, whatever happens on the way", .timeLimit(.minutes(3)))
struct ClientUploadTests {
    @Test(arguments: [[], ["--direct"]])
    func filesOfEverySize(_ mode: [String]) async throws {
        try await ClientOfStack.with { client in
            let part = ClientOfStack.partSize
            let sizes = [0, 1, 100_000, part, part + 1, 3 * part + 17]
            let files = try sizes.map { size in
                let bytes = ClientOfStack.bytes(size, seed: UInt64(size))
                return (path: try client.write("file \(size).bin", bytes), bytes: bytes)
            }
            let command = ["upload", "--json", "--part-size", "5MiB"] + mode + files.map(\.path)
            let ended = try await client.waybill(command)
            #expect(ended.exitCode == 0 && ended.standardError == "")
            let reports = try ClientOfStack.reports(ended)
            #expect(reports.map { $0["size"] as? Int } == sizes)
            for (report, file) in zip(reports, files) {
                client.remember(report, file.bytes)
                let id = try #require(report["file_id"] as? String)
                #expect(try await client.stack.content(id).body == file.bytes)
            }
            #expect(client.journal().isEmpty)
            // 1 part for each of the first four, 2 and 4.
            #expect(try await client.partWriteCount() == 10)
            try await client.stack.isSound()
        }
    }

    @Test(arguments: [[], ["--direct"]])
    func aKilledUploadGoesOnWhereItStopped(_ mode: [String]) async throws {
        try await ClientOfStack.with { client in
            let bytes = ClientOfStack.bytes(8 * ClientOfStack.partSize - 5, seed: 1)
            let path = try client.write("large.bin", bytes)
            try await client.slowDownParts(milliseconds: 400)
            try await client.holdCompletion()
            let options = ["--part-size", "5MiB", "--parallel", "2", "--json"] + mode
            let first = try await client.launch(["upload", path] + options)
            try await client.sessionHas(parts: 3)
            await first.kill()
            _ = try await client.stack.clearFaults()
            #expect(client.journal().count == 1)
            #expect(try await client.stack.facts("x").status == 404)

            let second = try await client.waybill(["upload", path] + options)
            #expect(second.exitCode == 0, "\(second.output)")
            #expect(second.standardError.contains("goes on where it was interrupted"))
            let report = try #require(try ClientOfStack.reports(second).first)
            #expect(report["continued"] as? Bool == true)
            client.remember(report, bytes)
            // What was under way when it died may come twice; nothing else.
            #expect(try await client.partWriteCount() <= 8 + 2)
            #expect(client.journal().isEmpty)
            try await client.stack.isSound()
        }
    }

    @Test func aServerThatIsRestartedIsWaitedFor() async throws {
        try await ClientOfStack.with { client in
            let bytes = ClientOfStack.bytes(6 * ClientOfStack.partSize, seed: 2)
            let path = try client.write("large.bin", bytes)
            try await client.slowDownParts(milliseconds: 300)
            let upload = try await client.launch([
                "upload", path, "--part-size", "5MiB", "--parallel", "2", "--json",
            ])
            try await client.sessionHas(parts: 2)
            try await client.stack.kill(.uploadService)
            try await client.stack.start(.uploadService)
            #expect(try await upload.exit(within: .seconds(60)) == .exited(0))
            let page = try await client.stack.send("GET", .uploadService, "/api/v1/files")
            let files = try #require(page.json["files"] as? [[String: Any]])
            let id = try #require(files.first?["id"] as? String)
            #expect(files.count == 1)
            client.stack.remember(id, "large.bin", bytes)
            #expect(try await client.stack.content(id).body == bytes)
            try await client.stack.isSound()
        }
    }

    @Test func anInterruptionIsKeptAndSaidSo() async throws {
        try await ClientOfStack.with { client in
            let bytes = ClientOfStack.bytes(6 * ClientOfStack.partSize, seed: 3)
            let path = try client.write("large.bin", bytes)
            try await client.slowDownParts(milliseconds: 400)
            let first = try await client.launch(["upload", path, "--part-size", "5MiB", "--parallel", "2"])
            try await client.sessionHas(parts: 2)
            first.signal(SIGINT)
            #expect(try await first.exit() == .exited(75))
            #expect(first.output.contains("The same command goes on where this one stopped."))
            #expect(client.journal().count == 1)

            // The file is another one by now: what was sent of it is no use.
            let other = ClientOfStack.bytes(ClientOfStack.partSize, seed: 4)
            try client.write("large.bin", other)
            let second = try await client.waybill(["upload", path, "--json"])
            #expect(second.exitCode == 0 && second.standardError.contains("has changed"))
            let report = try #require(try ClientOfStack.reports(second).first)
            client.remember(report, other)
            let sessions = try await client.stack.send("GET", .uploadService, "/api/v1/uploads")
            let states = (sessions.json["uploads"] as? [[String: Any]] ?? []).compactMap {
                $0["state"] as? String
            }
            #expect(states.count == 2 && states.first == "COMPLETED")
            #expect(["ABORTED", "REAPED"].contains(states.last))
            try await client.stack.isSound()
        }
    }

    @Test func aFileThatChangesWhileItIsSentIsNotStored() async throws {
        try await ClientOfStack.with { client in
            let bytes = ClientOfStack.bytes(4 * ClientOfStack.partSize, seed: 5)
            let path = try client.write("log.txt", bytes)
            try await client.slowDownParts(milliseconds: 400)
            let upload = try await client.launch(["upload", path, "--part-size", "5MiB", "--parallel", "1"])
            try await client.sessionHas(parts: 1)
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data("more".utf8))
            try file.close()
            #expect(try await upload.exit() == .exited(1))
            #expect(upload.output.contains("changed while it was sent, so nothing was stored"))
            #expect(client.journal().isEmpty)
            try await client.stack.isSound()
        }
    }

    @Test func troubleOfTheStoreIsOverSoon() async throws {
        try await ClientOfStack.with { client in
            let bytes = ClientOfStack.bytes(4 * ClientOfStack.partSize, seed: 6)
            let path = try client.write("large.bin", bytes)
            try await client.stack.addFaults(
                #"""
                [{"method":"PUT","query":"partNumber","action":"answer","status":403,"code":"AccessDenied","count":1},
                 {"method":"PUT","query":"partNumber","action":"answer","status":503,"code":"SlowDown","count":2},
                 {"method":"PUT","query":"partNumber","action":"dropAfter","count":1}]
                """#
            )
            let ended = try await client.waybill([
                "upload", path, "--part-size", "5MiB", "--direct", "--json",
            ])
            #expect(ended.exitCode == 0, "\(ended.output)")
            client.remember(try #require(try ClientOfStack.reports(ended).first), bytes)
            try await client.stack.isSound()
        }
    }

    @Test func twoCommandsDoNotSendOneFile() async throws {
        try await ClientOfStack.with { client in
            let path = try client.write("a.bin", ClientOfStack.bytes(2 * ClientOfStack.partSize, seed: 7))
            try await client.holdCompletion()
            let first = try await client.launch(["upload", path, "--part-size", "5MiB", "--parallel", "1"])
            try await eventually(within: .seconds(60), "it is begun") { client.journal().count == 1 }
            let second = try await client.waybill("upload", path)
            #expect(second.exitCode == 75 && second.standardError.contains("Another waybill"))
            _ = try await client.stack.clearFaults()
            #expect(try await first.exit() == .exited(0))
        }
    }
}
