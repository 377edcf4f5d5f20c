import Foundation
import TestSupport
import Testing

@Suite("A client that dies again and again brings its file in once", .timeLimit(.minutes(3)))
struct ClientDeathTests {
    @Test(arguments: [[], ["--direct"]])
    func killedAtAnyMoment(_ mode: [String]) async throws {
        try await ClientOfStack.with { client in
            let partCount = 12
            let bytes = ClientOfStack.bytes(partCount * ClientOfStack.partSize, seed: 11)
            let path = try client.write("large.bin", bytes)
            let options = ["--part-size", "5MiB", "--parallel", "3", "--json"] + mode
            try await client.slowDownParts(milliseconds: 150)
            try await client.holdCompletion()
            var killCount = 0
            var report: [String: Any]?
            // The moment of each death is another number of parts the store has been asked to take.
            for step in [1, 2, 4, 5, 7, 8, 10, 11] where report == nil {
                let upload = try await client.launch(["upload", path] + options)
                try await eventually(within: .seconds(60), "\(step) parts are there") {
                    try await client.partWriteCount() >= step
                }
                let exit = await upload.kill()
                killCount += 1
                // It may have been faster.
                if exit == .exited(0) { report = try ClientOfStack.report(in: upload.output) }
            }
            _ = try await client.stack.clearFaults()
            if report == nil {
                let last = try await client.waybill(["upload", path] + options)
                #expect(last.exitCode == 0, "\(last.output)")
                report = try ClientOfStack.report(in: last.standardOutput)
            }
            client.remember(try #require(report), bytes)
            // At most what was under way at each death came twice.
            let writeCount = try await client.partWriteCount()
            #expect((partCount...(partCount + 3 * killCount)).contains(writeCount))
            #expect(client.journal().isEmpty)
            let files = try await client.waybill("ls", "--json")
            let listed = try JSONSerialization.jsonObject(with: Data(files.standardOutput.utf8)) as? [Any]
            #expect(listed?.count == 1)
            try await client.stack.isSound()
        }
    }

    /// Killed after the last answer, before it was noted: nothing is sent, and the same file is told.
    @Test func whatWasCompletedIsFoundCompleted() async throws {
        try await ClientOfStack.with { client in
            let bytes = ClientOfStack.bytes(2 * ClientOfStack.partSize, seed: 12)
            let path = try client.write("a.bin", bytes)
            let command = ["upload", path, "--part-size", "5MiB", "--json"]
            try await client.holdCompletion()
            let first = try await client.launch(command)
            try await client.sessionHas(parts: 1)
            let name = try #require(client.journal().first)
            let entry = try client.read("state/waybill/\(name)")
            _ = try await client.stack.clearFaults()
            #expect(try await first.exit() == .exited(0))
            let writeCount = try await client.partWriteCount()

            try client.write("state/waybill/\(name)", entry)
            let second = try await client.waybill(command)
            #expect(second.exitCode == 0, "\(second.output)")
            let report = try #require(try ClientOfStack.reports(second).first)
            let id = try #require(report["file_id"] as? String)
            #expect(report["continued"] as? Bool == true)
            #expect(try await client.partWriteCount() == writeCount && client.journal().isEmpty)
            client.remember(report, bytes)

            // Deleted since: then the file is to be stored, not remembered.
            #expect(try await client.stack.delete(id).status == 200)
            try client.write("state/waybill/\(name)", entry)
            let third = try await client.waybill(command)
            #expect(third.exitCode == 0, "\(third.output)")
            let again = try #require(try ClientOfStack.reports(third).first)
            #expect(again["file_id"] as? String != id)
            client.remember(again, bytes)
            try await client.stack.isSound()
        }
    }
}
