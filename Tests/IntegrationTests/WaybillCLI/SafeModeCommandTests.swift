import Foundation
import ObjectStore
import PostgresClient
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

@Suite("waybill safe-mode", .timeLimit(.minutes(2)))
struct SafeModeCommandTests {
    private func waybill(
        _ service: ServiceUnderTest,
        _ arguments: String...,
        token: String = ServiceUnderTest.root
    ) async throws -> TestCommand {
        try await TestCommand.run(
            "WaybillCLI",
            ["safe-mode"] + arguments,
            environment: ["WAYBILL_URL": "http://127.0.0.1:\(service.port)", "WAYBILL_TOKEN": token],
            within: .seconds(60)
        )
    }

    @Test func itsWholeStay() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let off = try await waybill(service, "show")
            #expect(off.exitCode == 0 && off.standardOutput.hasPrefix("Safe mode is off; epoch 0"))
            let world = RestoredWorld(bucket: service.bucket, store: service.store)
            try await world.marks(service.pool).begin(4)
            #expect(try await world.watch(service.pool).look())

            let on = try await waybill(service, "show")
            #expect(on.exitCode == 0 && on.standardOutput.contains("Safe mode is on since"))
            #expect(on.standardOutput.contains("knows nothing of epoch 4"))
            let facts = try await waybill(service, "show", "--json")
            let json = try JSONDecoder().decode(Shown.self, from: Data(facts.standardOutput.utf8))
            #expect(json.epoch == 5 && json.safeMode && json.survey == nil)
            #expect(on.standardOutput.contains("--incarnation \(json.incarnation)"))
            try await refuse(service, json.incarnation)

            let left = try await waybill(
                service,
                "leave",
                "--reason",
                "looked at",
                "--incarnation",
                json.incarnation,
                "--force"
            )
            #expect(left.exitCode == 0 && left.standardOutput.hasPrefix("Safe mode is off; epoch 5"))
            #expect(try await !SafeMode.isOn(on: service.pool))
        }
    }

    /// By whoever names another database, who is no operator, and while the survey is missing.
    private func refuse(_ service: ServiceUnderTest, _ incarnation: String) async throws {
        let nameless = try await waybill(service, "leave", "--reason", "r")
        #expect(nameless.exitCode == 64 && nameless.standardError.contains("--incarnation"))
        let other = try await waybill(service, "leave", "--reason", "r", "--incarnation", "x", "--force")
        #expect(
            other.exitCode != 0 && other.standardError.contains("Look at it again"),
            "\(other.standardError)"
        )
        let early = try await waybill(service, "leave", "--reason", "r", "--incarnation", incarnation)
        #expect(early.exitCode != 0 && early.standardError.contains("not been looked for yet"))
        let user = try await waybill(service, "show", token: ServiceUnderTest.ann)
        #expect(user.exitCode != 0 && user.standardOutput.isEmpty)
        #expect(try await SafeMode.isOn(on: service.pool))
    }

    private struct Shown: Decodable {
        struct Survey: Decodable { let complete: Bool }
        let safeMode: Bool
        let epoch: Int64
        let incarnation: String
        let survey: Survey?

        enum CodingKeys: String, CodingKey {
            case epoch, incarnation, survey
            case safeMode = "safe_mode"
        }
    }
}
