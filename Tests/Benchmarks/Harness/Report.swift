import Foundation

/// How a number is written: three or four digits that mean something.
enum Figure {
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let size = abs(value)
        let digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4
        return String(format: "%.\(digits)f", value)
    }
}

/// The results as people read them, and as programs do.
struct Report: Sendable {
    let rows: [RowResult]
    /// Rows that could not be run, and why.
    let failures: [(number: Int, reason: String)]
    let machine: Machine

    var table: String {
        let heads = ["#", "what", "A", "B", "unit", "A ÷ B", "spread", "floor", "goal", "verdict"]
        var lines = [heads]
        for row in rows {
            lines += row.lines.map { line in
                [
                    "\(row.number)", line.comparison.what, Figure.text(line.a.median),
                    line.b.map { Figure.text($0.median) } ?? "", line.comparison.unit,
                    line.b == nil ? "" : Figure.text(line.judged.median),
                    "\(Int((line.judged.spread * 100).rounded().clamped)) %",
                    line.comparison.floor.map(Figure.text) ?? "–",
                    line.comparison.goal.map(Figure.text) ?? "–",
                    line.verdict.text,
                ]
            }
        }
        let widths = heads.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let rule = "|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|"
        var text = lines.map { line in
            "| "
                + zip(line, widths).map { $0.padding(toLength: max($1, 1), withPad: " ", startingAt: 0) }
                .joined(separator: " | ") + " |"
        }
        text.insert(rule, at: 1)
        return
            (["\(machine)", ""] + text + failures.map { "Row \($0.number) was not measured: \($0.reason)" })
            .joined(separator: "\n")
    }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(ReportDocument(self))
    }
}

extension Double {
    /// What `Int` can hold: a spread of nothing by nothing is no number.
    fileprivate var clamped: Double { isFinite ? Swift.min(self, 999) : 999 }
}
