import Determinism
import PostgresClient

/// Decides what a check consists of: ranges of keys of about the same size, and the other sources.
struct CheckPlan: Sendable {
    let tools: CheckTools
    let request: CheckRequest
    let hasEvents: Bool

    private static let rangeLimit: Int64 = 256
    /// Rows of the sample, about.
    private static let sampleRowCount = 20_000.0

    func make() async throws(CheckFailure) -> CheckProgress {
        var parts: [String: PartProgress] = [:]
        for (number, range) in try await ranges().enumerated() {
            // Digits in front, so that their names sort as they lie.
            parts[CheckProgress.ranges + String(1_000 + number).dropFirst()] = range
        }
        parts[CheckProgress.multipart] = PartProgress()
        parts[CheckProgress.openings] = PartProgress()
        parts[CheckProgress.states] = PartProgress()
        parts[CheckProgress.quotas] = PartProgress()
        var events = PartProgress()
        if !hasEvents { events.skipped = "which versions were published is not kept" }
        parts[CheckProgress.events] = events
        var index = PartProgress()
        if tools.indexer == nil { index.skipped = "WAYBILL_INDEXER_URL is not set" }
        parts[CheckProgress.index] = index
        return CheckProgress(parts: parts)
    }

    private func ranges() async throws(CheckFailure) -> [PartProgress] {
        let pool = tools.pool
        let window = tools.settings.incrementalWindow
        let known = try await asked { () throws(DatabaseError) in
            try await RangeStore.known(within: window, on: pool)
        }
        guard request.mode == .incremental, Self.isWhole(known) else { return try await newRanges() }
        var ranges: [PartProgress] = []
        for range in known {
            var part = PartProgress(lower: range.lower, upper: range.upper)
            // What is due anyway is not asked for.
            if range.isRecent, range.isInOrder, try await digest(range.lower, range.upper) == range.rows {
                part.rows = range.rows
                part.comparedAt = range.comparedAt.rfc3339
                part.skipped = "unchanged since it was compared at \(range.comparedAt.rfc3339)"
                part.isDone = true
            }
            ranges.append(part)
        }
        return ranges
    }

    /// Whether the ranges lie side by side from the first key to the last.
    private static func isWhole(_ ranges: [ComparedRange]) -> Bool {
        guard let first = ranges.first, let last = ranges.last else { return false }
        return first.lower == nil && last.upper == nil
            && zip(ranges, ranges.dropFirst()).allSatisfy { $0.upper != nil && $0.upper == $1.lower }
    }

    private func newRanges() async throws(CheckFailure) -> [PartProgress] {
        let pool = tools.pool
        let rowCount = try await asked { () throws(DatabaseError) in
            try await ComparisonStore.estimatedRowCount(on: pool)
        }
        let count = rangeCount(rowCount)
        var bounds: [KeyText?] = [nil]
        if count > 1 {
            let percent = min(100, 100 * Self.sampleRowCount / Double(max(1, rowCount)))
            bounds += try await asked { () throws(DatabaseError) in
                try await ComparisonStore.boundaries(count: count, percent: percent, on: pool)
            }
        }
        return zip(bounds, bounds.dropFirst() + [nil]).map { PartProgress(lower: $0, upper: $1) }
    }

    private func rangeCount(_ rowCount: Int64) -> Int {
        let settings = tools.settings
        let whole = rowCount / max(1, settings.rangeRowCount) + 1
        // One more than are compared at once would take as long as all of them together.
        let atOnce = max(1, min(Int64(settings.rangeCount), rowCount / max(1, settings.smallRangeRowCount)))
        return Int(min(Self.rangeLimit, (whole + atOnce - 1) / atOnce * atOnce))
    }

    /// Nil when it takes the database too long: this check then compares the range.
    private func digest(_ lower: KeyText?, _ upper: KeyText?) async throws(CheckFailure) -> RangeDigest? {
        let pool = tools.pool
        return try await askedInTime { () throws(DatabaseError) in
            try await RangeStore.digest(after: lower, upTo: upper, on: pool)
        } ?? nil
    }
}
