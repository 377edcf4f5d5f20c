import Determinism
import Foundation
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("waybill repair and waybill quota", .timeLimit(.minutes(3)))
struct RepairCommandTests {
    private func waybill(_ service: ServiceUnderTest, _ arguments: String...) async throws -> TestCommand {
        try await waybill(service, arguments)
    }

    private func waybill(_ service: ServiceUnderTest, _ arguments: [String]) async throws -> TestCommand {
        try await TestCommand.run(
            "WaybillCLI",
            arguments,
            environment: [
                "WAYBILL_URL": "http://127.0.0.1:\(service.port)", "WAYBILL_TOKEN": ServiceUnderTest.root,
            ]
        )
    }

    private func json(_ command: TestCommand) -> JSONValue {
        JSONValue(
            Array(command.standardOutput.split(separator: "\n").first.map(String.init)?.utf8 ?? "".utf8)
        )
    }

    @Test func aPlanIsMadeShownRunAndUndone() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (_, object) = try await service.plantRipeOrphan()
            let planned = try await waybill(service, "repair", "plan", "--reason", "a look", "--json")
            #expect(planned.exitCode == 0, "\(planned.output)")
            let id = try #require(json(planned)["id"].text)
            #expect(json(planned)["state"].text == "PLANNED")
            #expect(try await service.orders().isEmpty)

            let listed = try await waybill(service, "repair", "list")
            #expect(listed.exitCode == 0 && listed.standardOutput.contains(id), "\(listed.output)")
            let shown = try await waybill(service, "repair", "show", id)
            #expect(shown.exitCode == 0 && shown.standardOutput.contains(object.key), "\(shown.output)")
            #expect(shown.standardOutput.contains(try #require(json(planned)["hash"].text)))
            let lines = try await waybill(service, "repair", "show", id, "--json")
            #expect(lines.standardOutput.split(separator: "\n").count == 2, "\(lines.output)")

            let hash = String(repeating: "0", count: 64)
            let wrong = try await waybill(service, "repair", "run", id, "--confirm", hash)
            #expect(wrong.exitCode != 0 && wrong.standardError.contains("hash"), "\(wrong.output)")
            let run = try await waybill(service, "repair", "run", id, "--json")
            #expect(run.exitCode == 0 && json(run)["state"].text == "RUNNING", "\(run.output)")
            #expect(try await service.orders().count == 1)
            let undone = try await waybill(service, "repair", "undo", id)
            #expect(undone.exitCode == 0 && undone.standardOutput.contains("UNDOING"), "\(undone.output)")
            #expect(try await service.repairCount() == 1)
        }
    }

    @Test func findingsArePicked() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let check = try await service.plantCheck()
            for number in 0..<3 {
                let object = try await service.plantObject("orphan \(number)")
                try await service.plantFinding(.orphanObject, of: object, in: check)
            }
            let rows = try await service.pool.query("SELECT id, object_key FROM consistency_findings")
            let (first, last) = (try #require(rows.first), try #require(rows.last))
            let picked = [
                "--finding", "\(try first.int64(0))", "--finding", "\(try last.int64(0))",
            ]
            let arguments = ["repair", "plan", "--reason", "x", "--check", check.uuidString] + picked
            let planned = try await waybill(service, arguments + ["--json"])
            #expect(planned.exitCode == 0, "\(planned.output)")
            #expect(json(planned)["item_count"].number == 2 && json(planned)["harmful_items"].number == 2)
            let left = try await waybill(service, arguments + ["--action", "leave", "--json"])
            #expect(json(left)["item_count"].number == 2 && json(left)["harmful_items"].number == 0)
            let shown = try await waybill(service, ["repair", "show", json(left)["id"].text ?? ""])
            #expect(shown.standardOutput.contains(try last.text(1)), "\(shown.output)")
        }
    }

    @Test func filesAreLetOutOfQuarantine() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let id = try await service.upload("a.txt").id
            _ = try await service.pool.execute(
                "UPDATE files SET state = 'QUARANTINED', quarantine_reason = 'x', version = version + 1"
            )
            let planned = try await waybill(
                service,
                "repair",
                "plan",
                "--reason",
                "x",
                "--file",
                id,
                "--json"
            )
            #expect(planned.exitCode == 0 && json(planned)["item_count"].number == 1, "\(planned.output)")
            let run = try await waybill(service, "repair", "run", try #require(json(planned)["id"].text))
            #expect(run.exitCode == 0 && run.standardOutput.contains("1 DONE"), "\(run.output)")
            #expect(try await service.state(of: id) == "AVAILABLE")
        }
    }

    @Test(arguments: [
        ["repair", "show", "1"], ["repair", "plan"],
        ["repair", "plan", "--reason", "x", "--finding", "1"],
        ["repair", "plan", "--reason", "x", "--check", "c", "--action", "leave"],
        ["repair", "plan", "--reason", "x", "--check", "c", "--finding", "1", "--scope", "orphaned-files"],
        ["repair", "plan", "--reason", "x", "--policy", "orphan"],
        ["repair", "plan", "--reason", "x", "--file", "f", "--check", "c"],
        ["repair", "plan", "--reason", "x", "--safe-mode", "--policy", "orphan_object=adopt"],
        ["repair", "plan", "--reason", "x", "--scope", "some"], ["repair", "list", "--limit", "0"],
        ["quota", "set", "acme", "much"], ["quota", "set", "acme"],
    ])
    func mistakesAreUsageErrors(_ arguments: [String]) async throws {
        let command = try await TestCommand.run(
            "WaybillCLI",
            arguments,
            environment: ["WAYBILL_URL": "http://127.0.0.1:9", "WAYBILL_TOKEN": "t"]
        )
        #expect(command.exitCode == 64, "\(command.output)")
    }

    @Test func refusalsSaySo() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let none = try await waybill(service, "repair", "plan", "--reason", "x")
            #expect(none.exitCode != 0 && none.standardError.contains("check"), "\(none.output)")
            let survey = try await waybill(service, "repair", "plan", "--reason", "x", "--safe-mode")
            #expect(survey.exitCode != 0 && survey.standardError.contains("afe mode"), "\(survey.output)")
            let unknown = try await waybill(service, "repair", "run", UUID().uuidString)
            #expect(unknown.exitCode != 0 && !unknown.standardError.isEmpty)
        }
    }

    @Test func quotasAreSetShownRecountedAndRemoved() async throws {
        try await ServiceUnderTest.run { service in
            _ = try await service.upload("a.txt", Array(repeating: 1, count: 2_048))
            let set = try await waybill(service, "quota", "set", "acme", "1MiB")
            #expect(set.exitCode == 0 && set.standardOutput.contains("acme"), "\(set.output)")
            #expect(try await QuotaStore.find("acme", on: service.pool)?.byteLimit == 1 << 20)
            _ = try await service.pool.execute("UPDATE quotas SET used_bytes = 7")
            let recounted = try await waybill(service, "quota", "recount", "acme")
            #expect(recounted.exitCode == 0, "\(recounted.output)")
            #expect(try await QuotaStore.find("acme", on: service.pool)?.usedBytes == 2_048)
            let listed = try await waybill(service, "quota", "ls", "--json")
            #expect(listed.exitCode == 0 && listed.standardOutput.contains("2048"), "\(listed.output)")
            #expect(try await waybill(service, "quota", "rm", "acme").exitCode == 0)
            #expect(try await QuotaStore.find("acme", on: service.pool) == nil)
            #expect(try await waybill(service, "quota", "recount", "acme").exitCode != 0)
        }
    }
}
