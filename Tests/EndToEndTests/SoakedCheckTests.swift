import Determinism
import Foundation
import ObjectStore
import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import Testing

@testable import UploadService

/// With `WAYBILL_TEST_CHECK_SECONDS=600` for ten minutes.
@Suite("I41 a healthy service under load gives no false alarm", .timeLimit(.minutes(20)))
struct SoakedCheckTests {
    private static var seconds: Int {
        ProcessInfo.processInfo.environment["WAYBILL_TEST_CHECK_SECONDS"].flatMap { Int($0) } ?? 40
    }

    @Test func onceASecondUnderLoad() async throws {
        try await TestStack.with { stack in
            let checks = try await StackChecks.prepare(stack)
            let load = StackLoad(stack, clientCount: 6, seed: 41)
            let time = SystemTime()
            var (checkCount, inFlightCount, naiveCount) = (0, 0, 0)
            try await load.run {
                try await load.passes(50)
                let end = time.uptime + .seconds(Self.seconds)
                while time.uptime < end {
                    let next = time.uptime + .seconds(1)
                    naiveCount += try await Self.naiveAlarms(stack, load)
                    let report = try await checks.check(digests: "sampled")
                    checkCount += 1
                    inFlightCount += report.integer("in_flight") ?? 0
                    #expect(report.json["complete"] as? Bool == true, "\(report.text)")
                    #expect(report.json["is_consistent"] as? Bool == true, "\(report.text)")
                    if report.json["is_consistent"] as? Bool != true {
                        Issue.record("\(try await checks.findings(of: report))")
                    }
                    if time.uptime < next { try await time.sleep(for: next - time.uptime) }
                }
            }
            print(
                "checks: \(checkCount), answers: \(load.answerCount), false alarms: 0,",
                "in flight: \(inFlightCount), alarms of one look without a second: \(naiveCount)"
            )
            #expect(load.findings == [])
            #expect(naiveCount > 0, "the load never showed why a second look is needed")
            try await stack.becomesQuiet()
        }
    }

    /// What a comparison would call wrong that believes its first look: bucket minus table, and table minus bucket.
    ///
    /// The load moves on between the two: where there is more to read than here, reading takes longer than an upload.
    private static func naiveAlarms(_ stack: TestStack, _ load: StackLoad) async throws -> Int {
        try await stack.withStore { store in
            let budget = RequestBudget(requestsPerSecond: 10_000, time: SystemTime())
            // The table first, as such tools do.
            var rows: [RowFacts] = []
            var pages = RowPages(after: nil, upTo: nil, on: stack.uploadDatabase)
            while let page = try await pages.nextPage() { rows += page }
            try await load.passes(load.answerCount + 12)
            var compare = Compare(
                ObjectListing(after: nil, upTo: nil, budget: budget, list: store.lister),
                KeptRows(pages: [rows]),
                leftKey: \.key,
                rightKey: \.key
            )
            var count = 0
            while let (pairings, _) = try await compare.next() {
                count += pairings.compactMap(Candidate.init).count
            }
            return count
        }
    }
}

private struct KeptRows: SortedPages {
    var pages: [[RowFacts]]
    mutating func nextPage() async throws(CheckFailure) -> [RowFacts]? {
        pages.isEmpty ? nil : pages.removeFirst()
    }
}
