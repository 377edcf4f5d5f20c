import Foundation
import TestSupport
import Testing

/// deploy/prometheus: rules that are tested, and that speak of metrics that exist.
@Suite struct AlertRuleTests {
    private static let folder = Repository.root.appending(path: "deploy/prometheus")

    private func text(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    }

    private func names(_ text: String, _ pattern: some RegexComponent<(Substring, Substring)>) -> Set<String>
    {
        Set(text.matches(of: pattern).map { String($0.output.1) })
    }

    /// An alert on a metric that nobody exports never rings.
    @Test func everyMetricIsExported() throws {
        let used = names(try text("alerts.yaml"), #/\b(waybill_[a-z_]+)\b/#)
        let exported = names(
            Repository.productFiles.map(\.text).joined(separator: "\n"),
            #/"(waybill_[a-z_]+)"/#
        )
        #expect(used.count > 15)
        #expect(used.subtracting(exported) == [])
    }

    /// Whoever is woken must find what the metric means.
    @Test func theRunbookNamesEveryMetric() throws {
        let used = names(try text("alerts.yaml"), #/\b(waybill_[a-z_0-9]+)\b/#)
        let explained = names(try Repository.text(of: "deploy/RUNBOOK.md"), #/`(waybill_[a-z_0-9]+)/#)
        #expect(used.subtracting(explained) == [])
    }

    @Test func everyAlertIsSeenToRingAndToKeepStill() throws {
        let alerts = names(try text("alerts.yaml"), #/- alert: (\w+)/#)
        let tests = try text("alerts.test.yaml")
        #expect(alerts.count > 15)
        #expect(names(tests, #/name: sets off (\w+)/#) == alerts)
        #expect(names(tests, #/alertname: (\w+), exp_alerts: \[\]/#) == alerts)
    }

    /// The codes an alert counts as our own failures are codes that exist.
    @Test func everyErrorCodeExists() throws {
        let codes = Set(
            try text("alerts.yaml").matches(of: #/outcome=~"([^"]+)"/#)
                .flatMap { $0.output.1.split(separator: "|") }
        )
        let known = try Repository.text(of: "Shared/EventContracts/Specs/openapi.yaml")
        for code in codes where !code.hasSuffix(".*") { #expect(known.contains("- \(code)\n"), "\(code)") }
        #expect(codes.count > 3)
    }

    /// Where promtool is installed (Debian: package prometheus).
    @Test(.enabled(if: Promtool.path != nil, "promtool is not installed"))
    func promtoolAgrees() async throws {
        let tool = try #require(Promtool.path)
        for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
            let process = Process()
            process.executableURL = URL(filePath: tool)
            process.arguments = arguments
            process.currentDirectoryURL = Self.folder
            let output = Pipe()
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let said = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
        }
    }
}

private enum Promtool {
    static let path: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/promtool" }.first { FileManager.default.isExecutableFile(atPath: $0) }
}
