import Determinism
import Foundation
import ObjectStore
import ServiceBootstrap
import TestSupport
import Testing

@testable import UploadService

/// As many keys as one likes, none of which is kept.
private struct SyntheticKeys {
    static func key(_ number: Int) -> String {
        let digits = String(number + 100_000_000)
        return "acme/2026/11/01987654-0000-7000-8000-000\(digits).1"
    }

    static func page(after: String?, count: Int) -> ListPage {
        let first = after.flatMap { Int($0.dropFirst(40).prefix(9)) }.map { $0 - 100_000_000 + 1 } ?? 0
        let last = min(first + 1_000, count)
        let objects = (first..<max(first, last)).map { ListPage.Object(key: key($0), size: 5, etag: "e") }
        return ListPage(objects: objects, nextToken: last < count ? key(last - 1) : nil)
    }
}

private struct SyntheticRows: SortedPages {
    let count: Int
    var next = 0

    mutating func nextPage() async throws(CheckFailure) -> [RowFacts]? {
        guard next < count else { return nil }
        let numbers = next..<min(next + 1_000, count)
        next = numbers.upperBound
        return numbers.map { number in
            RowFacts(
                key: KeyText(SyntheticKeys.key(number)),
                uploadID: Self.id,
                uploadState: .completed,
                file: RowFacts.File(
                    state: .available,
                    version: 1,
                    size: 5,
                    etag: "e",
                    sha256: nil,
                    createdAt: Timestamp(secondsSinceEpoch: 0)
                )
            )
        }
    }

    private static let id = UUID()
}

/// With `WAYBILL_TEST_CHECK_KEYS=1000000` a million of each.
@Suite(.serialized) struct CheckScaleTests {
    @Test func memoryDoesNotGrowWithTheBucket() async throws {
        let wanted = ProcessInfo.processInfo.environment["WAYBILL_TEST_CHECK_KEYS"].flatMap { Int($0) }
        let count = wanted ?? 100_000
        _ = try await Self.merge(10_000)
        let few = try await Self.merge(10_000)
        let many = try await Self.merge(count)
        print(
            "cost per key: \(few.nanosecondsPerKey) ns at 10000, \(many.nanosecondsPerKey) ns at \(count);",
            "memory grew by \(many.growthKiB) KiB"
        )
        // Far below what a tenth of the keys alone would take.
        #expect(many.growthKiB < max(4_096, count / 100))
    }

    private static func merge(_ count: Int) async throws -> (nanosecondsPerKey: Int, growthKiB: Int) {
        let time = SystemTime()
        let budget = RequestBudget(requestsPerSecond: 1_000_000, time: time)
        let listing = ObjectListing(after: nil, upTo: nil, budget: budget) { _, token in
            SyntheticKeys.page(after: token, count: count)
        }
        var compare = Compare(listing, SyntheticRows(count: count), leftKey: \.key, rightKey: \.key)
        let begun = time.uptime
        let before = residentKiB()
        var (pairs, peak) = (0, before)
        while let (pairings, _) = try await compare.next() {
            for pairing in pairings {
                if Candidate(pairing) == nil { pairs += 1 }
            }
            peak = max(peak, residentKiB())
        }
        #expect(pairs == count)
        let nanoseconds = Int((time.uptime - begun) / .nanoseconds(1))
        return (nanoseconds / max(1, count), peak - before)
    }
}
