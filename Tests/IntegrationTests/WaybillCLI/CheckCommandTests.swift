import Determinism
import Foundation
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

/// `waybill check`, as an operator runs it, against a whole service.
struct CheckCommandTests {
    private func waybill(
        _ world: CheckWorld,
        as token: String = ServiceUnderTest.root,
        _ arguments: String...
    ) async throws -> TestCommand {
        try await TestCommand.run(
            "WaybillCLI",
            ["check"] + arguments,
            environment: [
                "WAYBILL_URL": "http://127.0.0.1:\(world.service.port)", "WAYBILL_TOKEN": token,
            ]
        )
    }

    private func newest(_ world: CheckWorld) async throws -> StoredCheck {
        try #require(try await CheckStore.newest(complete: false, on: world.pool))
    }

    @Test func itWaitsForTheEndAndSaysWhatWasNotCompared() async throws {
        try await CheckWorld.run({ $0.hasChecks = true }) { world in
            try await world.store(2)
            let ran = try await waybill(world, "--no-digests")
            // Nobody said where the index is.
            #expect(ran.exitCode == 1)
            let check = try await newest(world)
            #expect(ran.standardOutput.hasPrefix("check \(check.id.text) COMPLETED\n"))
            #expect(ran.standardOutput.contains("not compared: index (WAYBILL_INDEXER_URL is not set)"))
            #expect(ran.standardError.contains("not everything was compared"))
            #expect(check.request.digests == .none && check.request.mode == .full)
            let json = try await waybill(world, "--json", check.id.text)
            let report = JSONValue(Array(json.standardOutput.utf8))
            #expect(report["id"].text == check.id.text && report["coverage"]["rows_compared"].number == 2)
            #expect(report["coverage"]["oldest_comparison_at"].text != nil)
            #expect(try await newest(world).id == check.id, "a known check is told of, not made anew")
        }
    }

    @Test func findingsAreOneObjectALine() async throws {
        try await CheckWorld.run({ $0.hasChecks = true }) { world in
            let files = try await world.store(3)
            for file in files { try await world.service.store.delete(file.key) }
            let ran = try await waybill(world, "--findings", "--incremental")
            #expect(ran.exitCode == 1 && ran.standardError.contains("3 findings."))
            let check = try await newest(world)
            #expect(check.request.mode == .incremental)
            let again = try await waybill(world, "--findings", check.id.text)
            #expect(again.standardOutput == ran.standardOutput && again.exitCode == 1)
            let lines = again.standardOutput.split(separator: "\n").map { JSONValue(Array($0.utf8)) }
            #expect(lines.map { $0["kind"].text } == Array(repeating: "missing_object", count: 3))
            #expect(lines.compactMap { $0["subject"].text }.sorted() == files.map(\.key))
        }
    }

    @Test func exitCodesTellWhatAScriptMustKnow() async throws {
        // Nobody drives checks here.
        try await CheckWorld.run { world in
            let running = try await waybill(world, "--wait", "0")
            #expect(running.exitCode == 75 && running.standardError.contains("RUNNING"))
            let second = try await waybill(world, "--wait", "0")
            #expect(second.exitCode == 1 && second.standardError.contains("A consistency check is running"))
            let report = try await world.drive(world.tools())
            #expect(try await waybill(world, report.id).exitCode == 1)
            _ = try await world.pool.execute(
                """
                UPDATE consistency_checks SET is_complete = true, is_consistent = true,
                       report = report || '{"complete": true, "is_consistent": true, "skipped": {}}'
                """
            )
            let consistent = try await waybill(world, report.id)
            #expect(consistent.exitCode == 0 && consistent.standardError.isEmpty)
            #expect(consistent.standardOutput.hasSuffix("Everything was compared and agrees.\n"))
            #expect(try await waybill(world, "not-an-id").exitCode == 64)
            #expect(try await waybill(world, "--full-digests", "--no-digests").exitCode == 64)
            #expect(try await waybill(world, UUID().uuidString.lowercased()).exitCode == 1)
            #expect(try await waybill(world, as: ServiceUnderTest.ann).exitCode == 1)
        }
    }
}
