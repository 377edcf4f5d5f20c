import Foundation
import IdempotentInbox
import PostgresClient
import TestSupport
import Testing

/// Runs the built command beside a consumer, as an operator does.
struct ParkedCommandTests {
    private struct Listed: Decodable {
        let id: Int64
        let consumer: String
        let topic: String
        let partition: Int32
        let offset: Int64
        let key: String?
        let reason: String
        let replayRequestedAt: String?
        let headers: [String: String]
        let valueBase64: String?
    }

    private struct Replayed: Decodable {
        let asked: Int
        let replayed: Int
        let open: Int
        let parked: [Listed]
    }

    private func url(_ pool: PostgresPool) throws -> String {
        let base = try TestDatabase.url()
        let schema = try #require(pool.settings.schema)
        return base + (base.contains("?") ? "&" : "?") + "options=-csearch_path%3D\(schema)"
    }

    private func waybill(_ world: MendableWorld, _ arguments: String...) async throws -> FinishedProgram {
        // As the other commands: the database from the environment.
        try await FinishedProgram.run(
            "WaybillCLI",
            ["parked"] + arguments,
            environment: ["WAYBILL_DATABASE_URL": try url(world.pool)]
        )
    }

    private func decoded<Value: Decodable>(_ ended: FinishedProgram, as: Value.Type) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Value.self, from: Data(ended.standardOutput.utf8))
    }

    private func withParked(_ body: (MendableWorld) async throws -> Void) async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            world.handler.breaks(at: "2")
            world.handler.cannotRead("junk\n\u{1b}[31m")
            let batch = world.records([
                ("a", "1"), ("a", "2"), ("a", "3"), (nil, "junk\n\u{1b}[31m"), ("b", "2"),
            ])
            _ = try await world.applier.apply(batch, claim)
            try await body(world)
        }
    }

    @Test func listShowsWhatIsParked() async throws {
        try await withParked { world in
            let text = try await waybill(world, "list")
            #expect(text.exitCode == 0 && text.standardError == "")
            let lines = text.standardOutput.split(separator: "\n")
            #expect(lines.count == 4)
            #expect(lines[0].contains(/^[0-9]+ c t\/3@1 key a since 20.*Z: Refused\(\)$/))
            #expect(lines[2].contains("t/3@3 key - since"))
            let listed = try decoded(
                try await waybill(world, "list", "--key", "a", "--json"),
                as: [Listed].self
            )
            #expect(listed.map(\.offset) == [1, 2] && listed.map(\.key) == ["a", "a"])
            #expect(listed[0].valueBase64 == "Mg==" && listed[0].headers.keys.contains("h"))
            let one = try decoded(
                try await waybill(world, "list", "--json", "--limit", "1", "--consumer", "c"),
                as: [Listed].self
            )
            #expect(one.map(\.offset) == [1])
            #expect(try await waybill(world, "list", "--consumer", "nobody").standardOutput == "")
        }
    }

    @Test func replayWaitsForTheConsumerAndTellsWhatBecameOfIt() async throws {
        try await withParked { world in
            // The part of the consumer.
            let consumer = Task {
                while !Task.isCancelled { if try await world.replayAll().isEmpty { await Task.yield() } }
            }
            defer { consumer.cancel() }
            let failed = try await waybill(world, "replay", "--key", "a", "--json")
            #expect(failed.exitCode == 1 && failed.standardError == "waybill: 2 records stay parked.\n")
            let report = try decoded(failed, as: Replayed.self)
            #expect(report.asked == 2 && report.replayed == 0 && report.open == 0)
            #expect(report.parked.map(\.offset) == [1, 2] && report.parked[0].reason == "Refused()")

            world.handler.mend()
            let done = try await waybill(world, "replay", "--all")
            #expect(done.exitCode == 0 && done.standardOutput == "4 of 4 replayed\n")
            #expect(try await world.effects().prefix(3) == ["a:1", "a:2", "a:3"])
            #expect(try await world.parked().isEmpty)
            let none = try await waybill(world, "replay", "--all")
            #expect(none.exitCode == 1 && none.standardError.contains("Nothing that is parked here fits"))
        }
    }

    @Test func withoutAConsumerTheRequestStays() async throws {
        try await withParked { world in
            let ended = try await waybill(world, "replay", "--key", "a", "--wait", "0")
            #expect(ended.exitCode == 75 && ended.standardError.contains("2 records are not tried yet"))
            let listed = try decoded(try await waybill(world, "list", "--json"), as: [Listed].self)
            #expect(listed.map { $0.replayRequestedAt != nil } == [true, true, false, false])
        }
    }

    @Test func discardDeletesWhatItPrints() async throws {
        try await withParked { world in
            let id = try #require(try await world.parked("b").first).id
            let gone = try await waybill(world, "discard", "--id", "\(id)", "--json")
            #expect(gone.exitCode == 0)
            #expect(try decoded(gone, as: [Listed].self).map(\.valueBase64) == ["Mg=="])
            #expect(try await world.parkedOffsets() == [1, 2, 3])
            #expect(try await waybill(world, "discard", "--id", "\(id)").exitCode == 1)
        }
    }

    @Test(arguments: [["replay"], ["discard"], ["replay", "--consumer", "c"], ["list", "--limit", "0"]])
    func whatChangesSomethingMustSayToWhat(_ arguments: [String]) async throws {
        let ended = try await FinishedProgram.run(
            "WaybillCLI",
            ["parked"] + arguments,
            environment: ["WAYBILL_DATABASE_URL": "postgresql:///x"]
        )
        #expect(ended.exitCode == 64 && ended.standardOutput == "" && ended.standardError != "")
    }
}
