import Foundation

/// The report as JSON: every statistic as it was computed, unrounded.
struct ReportDocument: Encodable {
    struct Values: Encodable {
        let median: Double
        let least: Double
        let most: Double
        let spread: Double?
        let rounds: Int

        init(_ statistics: Statistics) {
            median = statistics.median
            least = statistics.least
            most = statistics.most
            // JSON knows no infinity.
            spread = statistics.spread.isFinite ? statistics.spread : nil
            rounds = statistics.count
        }
    }

    struct Line: Encodable {
        let row: Int
        let what: String
        let unit: String
        let a: Values
        let b: Values?
        let ratio: Values?
        let better: String
        let floor: Double?
        let goal: Double?
        let verdict: String
    }

    let machine: Machine
    let lines: [Line]
    let failures: [String]

    init(_ report: Report) {
        machine = report.machine
        failures = report.failures.map { "\($0.number): \($0.reason)" }
        lines = report.rows.flatMap { row in
            row.lines.map { line in
                Line(
                    row: row.number,
                    what: line.comparison.what,
                    unit: line.comparison.unit,
                    a: Values(line.a),
                    b: line.b.map { Values($0) },
                    ratio: line.b == nil ? nil : Values(line.judged),
                    better: line.comparison.better.rawValue,
                    floor: line.comparison.floor,
                    goal: line.comparison.goal,
                    verdict: line.verdict.text
                )
            }
        }
    }
}
