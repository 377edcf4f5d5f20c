import Foundation
import TestSupport
import Testing

@Suite("The client fetches, lists and removes files", .timeLimit(.minutes(2)))
struct ClientFilesTests {
    @Test func whatIsFetchedIsWholeAndVerified() async throws {
        try await ClientOfStack.with { client in
            let bytes = ClientOfStack.bytes(3_000_000, seed: 1)
            let id = try await client.stack.store(
                "report.bin",
                bytes,
                contentType: "application/octet-stream"
            )
            let target = client.path("here.bin")
            let ended = try await client.waybill("get", "report.bin", "--output", target, "--json")
            #expect(ended.exitCode == 0, "\(ended.output)")
            let report = try #require(try ClientOfStack.reports(ended).first)
            #expect(report["verified"] as? Bool == true && report["id"] as? String == id)
            #expect(try client.read("here.bin") == bytes)

            let again = try await client.waybill("get", id, "--output", target)
            #expect(again.exitCode == 1 && again.standardError.contains("--force replaces it"))
            try client.write("here.bin", [1])
            #expect(try await client.waybill("get", id, "--output", target, "--force").exitCode == 0)
            #expect(try client.read("here.bin") == bytes)
            let device = client.path("device")
            try FileManager.default.createSymbolicLink(atPath: device, withDestinationPath: "/dev/null")
            #expect(try await client.waybill("get", id, "--output", device, "--force").exitCode == 1)
            try FileManager.default.removeItem(atPath: device)
            #expect(try FileManager.default.contentsOfDirectory(atPath: client.folder) == ["here.bin"])
        }
    }

    @Test func aBrokenConnectionGoesOnWhereItBroke() async throws {
        try await ClientOfStack.with { client in
            let bytes = ClientOfStack.bytes(3_000_000, seed: 2)
            let id = try await client.stack.store("report.bin", bytes)
            try await client.stack.becomesQuiet()
            try await client.stack.addFaults(
                #"[{"method":"GET","keyPrefix":"acme/","action":"truncate","bytes":1000000,"count":1}]"#
            )
            #expect(try await client.waybill("get", id, "--output", client.path("a")).exitCode == 0)
            #expect(try client.read("a") == bytes)

            // What a killed command left, or somebody else did.
            try client.write("b.\(id).part", Array(bytes.prefix(2_000_000)))
            #expect(try await client.waybill("get", id, "--output", client.path("b")).exitCode == 0)
            #expect(try client.read("b") == bytes)
            try client.write("c.\(id).part", bytes + [0])
            #expect(try await client.waybill("get", id, "--output", client.path("c")).exitCode == 0)
            #expect(try client.read("c") == bytes)
            try client.write("d.\(id).part", Array(repeating: 7, count: 1_000))
            let wrong = try await client.waybill("get", id, "--output", client.path("d"))
            #expect(wrong.exitCode == 1 && wrong.standardError.contains("Nothing was kept"))
            let left = try FileManager.default.contentsOfDirectory(atPath: client.folder).sorted()
            #expect(left == ["a", "b", "c"])
            #expect(try await client.waybill("get", id, "--output", client.path("d")).exitCode == 0)
            #expect(try client.read("d") == bytes)
        }
    }

    @Test func filesAreListedRemovedAndRestored() async throws {
        try await ClientOfStack.with { client in
            for name in ["one.txt", "two.txt", "other"] {
                _ = try await client.stack.store(name, "text of \(name)")
            }
            let listed = try await client.waybill("ls")
            #expect(listed.exitCode == 0 && listed.standardOutput.split(separator: "\n").count == 3)
            #expect(listed.standardOutput.contains("two.txt"))
            let found = try await client.waybill("ls", "o", "--json", "--limit", "5")
            let files =
                try JSONSerialization.jsonObject(with: Data(found.standardOutput.utf8)) as? [[String: Any]]
            #expect(files?.compactMap { $0["name"] as? String } == ["other", "one.txt"])

            #expect(try await client.waybill("rm", "one.txt", "two.txt").exitCode == 0)
            #expect(
                try await client.waybill("ls", "--deleted").standardOutput.split(separator: "\n").count == 2
            )
            let restored = try await client.waybill("restore", "one.txt", "--json")
            #expect(try ClientOfStack.reports(restored).first?["state"] as? String == "AVAILABLE")
            let unknown = try await client.waybill("rm", "one.txt", "three.txt")
            #expect(
                unknown.exitCode == 1
                    && unknown.standardError.contains("There is no available file three.txt")
            )
            #expect(try await client.waybill("rm", "--purge", "other").exitCode == 0)
            #expect(try await client.waybill("ls", token: client.stack.otherToken).standardOutput == "")
        }
    }

    @Test func refusalsArePlainAndFinal() async throws {
        try await ClientOfStack.with { client in
            _ = try await client.stack.store("taken.txt", "mine")
            let path = try client.write("taken.txt", [1, 2, 3])
            let taken = try await client.waybill("upload", path, "--json")
            #expect(taken.exitCode == 1)
            #expect(try ClientOfStack.reports(taken).first?["error_code"] as? String == "FILE_ALREADY_EXISTS")
            let renamed = try await client.waybill("upload", path, path, client.path("absent"), "--json")
            #expect(renamed.exitCode == 1 && renamed.standardOutput.split(separator: "\n").count == 3)
            #expect(try await client.waybill("upload", path, "--name", "free.txt").exitCode == 0)
            // It says that it has no bytes.
            let untold = try await client.waybill("upload", "/proc/self/status", "--name", "status.txt")
            #expect(untold.exitCode == 1 && untold.standardError.contains("does not say how many"))
            let secret = "wb_" + String(repeating: "5", count: 64)
            let stranger = try await client.waybill("upload", path, "--name", "x", token: secret)
            #expect(stranger.exitCode == 1 && stranger.output.contains("UNAUTHORIZED"))
            #expect(!stranger.output.contains(secret))
            #expect(client.journal().isEmpty)
            let uploads = try await client.waybill("status", "--json")
            let sessions =
                try JSONSerialization.jsonObject(with: Data(uploads.standardOutput.utf8)) as? [[String: Any]]
            #expect(sessions?.compactMap { $0["state"] as? String } == ["COMPLETED"])
            let id = try #require(sessions?.first?["upload_id"] as? String)
            #expect(try await client.waybill("status", id).standardOutput.contains("COMPLETED"))
            #expect(try await client.waybill("status", id, token: client.stack.otherToken).exitCode == 1)

            try await client.stack.stop(.uploadService)
            let away = try await client.waybill("upload", path, "--name", "y", "--patience", "5")
            #expect(away.exitCode == 69 && away.standardError.contains("cannot be reached"))
            #expect(away.standardError.contains("Trying on for up to 5 s"))
        }
    }
}
