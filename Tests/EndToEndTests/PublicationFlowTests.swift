import AccessTokens
import Foundation
import PostgresClient
import TestSupport
import Testing

@Suite("I13 an event that was lost reaches the topic after all", .timeLimit(.minutes(5)))
struct PublicationFlowTests {
    private static let unnoted: Statement = "SELECT count(*) FROM files WHERE version <> published_version"
    private static let loseEvents: Statement = "TRUNCATE outbox"
    private static let operatorToken = "wb_operator"

    private static var settings: StackSettings {
        var settings = StackSettings()
        settings.extra[.uploadService] = ["WAYBILL_REPUBLISH_AFTER_SECONDS": "30"]
        return settings
    }

    private func becomesNoted(_ stack: TestStack, within limit: Duration) async throws {
        try await eventually(within: limit, "every version is noted") {
            try await stack.uploadDatabase.query(Self.unnoted).first?.int64(0) == 0
        }
    }

    private func waybill(_ stack: TestStack, _ arguments: String..., database: String = "") async throws
        -> TestCommand
    {
        try await TestCommand.run(
            "WaybillCLI",
            arguments,
            environment: [
                "WAYBILL_URL": try stack.url(of: .uploadService), "WAYBILL_TOKEN": Self.operatorToken,
                "WAYBILL_DATABASE_URL": database,
            ]
        )
    }

    @Test func notedHealedToldAgainAndAudited() async throws {
        try await TestStack.with(Self.settings) { stack in
            try await TokenStore(stack.uploadDatabase).insert(
                Self.operatorToken,
                for: Caller(tenant: "acme", principal: "olga", roles: [.superuser])
            )
            let first = try await stack.store("first", Array("one".utf8))
            _ = try await stack.store("second", Array("two".utf8))
            try await stack.delete(first, purge: true)
            try await stack.becomesQuiet()
            try await becomesNoted(stack, within: .seconds(20))

            // The relay is away, and what it would have published is lost with its partition.
            try await stack.stop(.outboxRelay)
            let lost = try await stack.store("lost", Array("three".utf8))
            try await stack.uploadDatabase.execute(Self.loseEvents)
            try await stack.start(.outboxRelay)
            try await becomesNoted(stack, within: .seconds(90))
            try await stack.becomesQuiet()
            let told = try await stack.records().filter { $0.key == lost }
            #expect(told.map(\.type) == ["file.stored"])
            try await stack.isSound()

            try await sideTopicHoldsEveryFile(stack)
            try await trailsHold(stack, removed: 1)
        }
    }

    private func sideTopicHoldsEveryFile(_ stack: TestStack) async throws {
        let unknown = try await waybill(stack, "republish", "--all", "--topic", "waybill.nowhere.v1")
        #expect(unknown.exitCode == 1 && unknown.standardError.contains("waybill.nowhere.v1"))
        let refilled = try await waybill(stack, "republish", "--all", "--topic", "waybill.side.v1")
        #expect(refilled.standardOutput == "3 files told again\n", "\(refilled.standardError)")
        try await eventually(within: .seconds(20), "the side topic has every file") {
            try await stack.records(of: "waybill.side.v1").count == 3
        }
        let types = try await stack.records(of: "waybill.side.v1").map(\.type).sorted()
        #expect(types == ["file.purged", "file.stored", "file.stored"])
    }

    private func trailsHold(_ stack: TestStack, removed: Int) async throws {
        let own = try await waybill(stack, "audit", "verify", database: stack.uploadDatabaseURL)
        // Who had the first file purged, and who had all told again.
        #expect(own.exitCode == 0 && own.standardOutput.hasPrefix("2:"), "\(own.output)")
        let removals = try await waybill(stack, "audit", "list", database: stack.indexerDatabaseURL)
        #expect(removals.standardOutput.split(separator: "\n").count == removed)
        #expect(removals.standardOutput.contains("object.removal"))
    }
}
