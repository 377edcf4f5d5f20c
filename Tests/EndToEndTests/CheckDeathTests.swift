import Foundation
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("A check outlives the process that runs it", .timeLimit(.minutes(3)))
struct CheckDeathTests {
    private static let count = 24

    @Test func killedWhileItLooksAgain() async throws {
        try await TestStack.with { stack in
            // So slow that it is in the middle of the objects when everything else is done.
            let slow = ["WAYBILL_CHECK_REQUESTS_PER_SECOND": "4"]
            let checks = try await StackChecks.prepare(stack, slow)
            for number in 0..<Self.count {
                _ = try await stack.store("file \(number)", "words \(number)")
            }
            try await stack.becomesQuiet()
            let rows = try await stack.uploadDatabase.query("SELECT object_key FROM files")
            let keys = try rows.map { try $0.text(0) }
            try await stack.withStore { store in
                for key in keys.dropFirst(2) { try await store.delete(key) }
            }
            let begun = try await stack.send(
                "POST",
                .uploadService,
                "\(StackChecks.path)?digests=none",
                token: checks.token
            )
            let id = try #require(begun.string("id").flatMap { UUID(uuidString: $0) })
            var before: [String: PartProgress] = [:]
            try await eventually(within: .seconds(60), "the other parts are compared") {
                let check = try await CheckStore.find(id, on: stack.uploadDatabase)
                before = check?.progress.parts ?? [:]
                return before[CheckProgress.index]?.isDone == true
                    && before[CheckProgress.states]?.isDone == true
            }
            await (try stack.program(.uploadService)).kill()
            #expect(before.contains { $0.key.hasPrefix(CheckProgress.ranges) && !$0.value.isDone })
            try await stack.restart(
                .uploadService,
                with: try StackChecks.settings(stack, checks.token)
            )

            try await eventually(within: .seconds(60), "somebody has gone on with it") {
                try await CheckStore.find(id, on: stack.uploadDatabase)?.state == .completed
            }
            let path = "\(StackChecks.path)/\(id.uuidString.lowercased())"
            let report = try await stack.send("GET", .uploadService, path, token: checks.token)
            #expect(report.json["complete"] as? Bool == true, "\(report.text)")
            let found = try await checks.findings(of: report)
            #expect(Set(found.keys) == Set(keys.dropFirst(2).map { "missing_object \($0)" }))
            let checked = report.json["checked"] as? [String: Int]
            #expect(checked?["rows"] == Self.count && checked?["objects"] == 2, "\(report.text)")
            // What was done before is not done again.
            let after = try await CheckStore.find(id, on: stack.uploadDatabase)?.progress.parts
            #expect(after?[CheckProgress.index] == before[CheckProgress.index])
            let all = try await CheckStore.newest(complete: true, on: stack.uploadDatabase)
            #expect(all?.id == id)
        }
    }
}
