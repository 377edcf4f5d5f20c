import ServiceBootstrap
import Testing

@Suite("Settings are read once and complain about everything at once")
struct SettingsReaderTests {
    enum Color: String, CaseIterable { case red, green }

    @Test func readsEveryKind() throws {
        var reader = SettingsReader(environment: [
            "WAYBILL_NAME": "n", "WAYBILL_PORT": "0", "WAYBILL_WAIT": "15m", "WAYBILL_SIZE": "64KiB",
            "WAYBILL_ON": "yes", "WAYBILL_COLOR": "green", "WAYBILL_URL": "postgres://u:p@db:5432/x",
            "WAYBILL_EMPTY": "",
            "PATH": "/bin",
        ])
        #expect(reader.text("WAYBILL_NAME") == "n")
        #expect(reader.integer("WAYBILL_PORT", default: 1, in: 0...65_535) == 0)
        #expect(
            reader.duration("WAYBILL_WAIT", default: .zero, in: .zero ... .seconds(3_600)) == .seconds(900)
        )
        #expect(reader.bytes("WAYBILL_SIZE", default: 1, in: 1...(1 << 40)) == 65_536)
        #expect(reader.flag("WAYBILL_ON", default: false) == true)
        #expect(reader.choice("WAYBILL_COLOR", default: Color.red) == .green)
        #expect(reader.url("WAYBILL_URL", schemes: ["postgres"]) == "postgres://u:p@db:5432/x")
        #expect(reader.text("WAYBILL_EMPTY", default: "fallback") == "fallback")
        try reader.finish()
    }

    @Test func reportsEveryProblemAtOnce() {
        var reader = SettingsReader(environment: [
            "WAYBILL_PORT": "70000", "WAYBILL_WAIT": "5 minutes", "WAYBILL_SIZE": "99999999999TiB",
            "WAYBILL_ON": "maybe",
            "WAYBILL_COLOR": "blue", "WAYBILL_URL": "db/secret", "WAYBILL_PROT": "1",
        ])
        _ = reader.secret("WAYBILL_KEY")
        #expect(reader.integer("WAYBILL_PORT", default: 8_080, in: 0...65_535) == 8_080)
        _ = reader.duration("WAYBILL_WAIT", default: .seconds(1), in: .zero ... .seconds(60))
        _ = reader.bytes("WAYBILL_SIZE", default: 1, in: 1...10)
        _ = reader.flag("WAYBILL_ON", default: true)
        _ = reader.choice("WAYBILL_COLOR", default: Color.red)
        _ = reader.url("WAYBILL_URL", schemes: ["postgres", "https"])
        let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
        let problems = error?.problems ?? []
        for name in [
            "KEY is missing", "PORT must", "WAIT must", "SIZE must", "ON must", "COLOR must", "URL must",
            "PROT is not",
        ] {
            #expect(problems.contains { $0.contains(name) }, "\(name)")
        }
        #expect(problems.count == 8)
        #expect(!problems.joined().contains("db/secret"))
    }

    @Test func hidesSecrets() {
        let secret = Secret("canary")
        var dumped = ""
        dump([secret], to: &dumped)
        #expect("\(secret)" == "<secret>" && String(reflecting: [secret]) == "[<secret>]")
        #expect(!dumped.contains("canary"))
        #expect(secret.reveal() == "canary")
    }
}
