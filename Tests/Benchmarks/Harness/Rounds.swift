/// Runs a row: warm-up, then rounds in which its sides take turns.
struct Rounds: Sendable {
    let count: Int
    /// Told of every measure as it comes.
    let tell: @Sendable (String) -> Void

    func run(_ row: Row, at site: Site) async throws -> RowResult {
        tell("\(row.number)  \(row.title)")
        let trial = try await row.prepare(site)
        for _ in 0..<row.warmUpCount {
            for side in trial.sides {
                tell("   warm-up  \(side.name)  \(Self.text(try await side.measure()))")
            }
        }
        var values: [String: [Double]] = [:]
        for round in 1...max(1, count) {
            for side in trial.sides {
                let measures = try await side.measure()
                tell("   round \(round)  \(side.name)  \(Self.text(measures))")
                for (name, value) in measures { values[name, default: []].append(value) }
            }
        }
        return RowResult(row, values)
    }

    private static func text(_ measures: Measures) -> String {
        measures.sorted { $0.key < $1.key }.map { "\($0.key) \(Figure.text($0.value))" }.joined(
            separator: "  "
        )
    }
}

/// What the rounds of one row came to.
struct RowResult: Sendable {
    struct Line: Sendable {
        let comparison: Comparison
        let a: Statistics
        let b: Statistics?
        /// The ratio round by round, or `a`.
        let judged: Statistics
        let verdict: Verdict
    }

    let number: Int
    let title: String
    let lines: [Line]

    /// - Parameter values: of each measure, one per round.
    init(_ row: Row, _ values: [String: [Double]]) {
        number = row.number
        title = row.title
        lines = row.comparisons.compactMap { comparison in
            guard let a = values[comparison.a] else { return nil }
            let b = comparison.b.flatMap { values[$0] }
            if comparison.b != nil, b == nil { return nil }
            let judged = Statistics(b.map { zip(a, $0).map { $0 / $1 } } ?? a)
            return Line(
                comparison: comparison,
                a: Statistics(a),
                b: b.map { Statistics($0) },
                judged: judged,
                verdict: Verdict(comparison, judged)
            )
        }
    }
}
