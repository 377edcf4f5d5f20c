import Testing

@testable import Benchmarks

@Suite("Benchmarks: what rounds come to")
struct StatisticsTests {
    private static let cases: [(values: [Double], median: Double, spread: Double)] = [
        ([3], 3, 0), ([1, 2], 1.5, 1.0 / 3), ([5, 1, 3], 3, 2.0 / 3),
        ([10, 11, 12, 13, 14], 12, 1.0 / 6),
        ([7, 7, 7, 7, 7], 7, 0), ([0, 0, 0], 0, 0),
        // One round that something else disturbed does not count.
        ([10, 10, 10, 10, 90], 10, 0),
    ]

    @Test(arguments: cases)
    func medianAndSpread(_ values: [Double], _ median: Double, _ spread: Double) {
        let statistics = Statistics(values)
        #expect(statistics.median == median)
        #expect(abs(statistics.spread - spread) < 1e-9)
    }

    @Test func quantilesLieBetweenLeastAndMost() {
        let statistics = Statistics((1...100).map(Double.init).reversed())
        #expect(statistics.quantile(0) == 1 && statistics.quantile(1) == 100)
        #expect(abs(statistics.quantile(0.99) - 99.01) < 1e-9)
        #expect(statistics.quantile(-1) == 1 && statistics.quantile(2) == 100)
        #expect(Statistics([]).median.isNaN)
    }

    @Test func aSpreadAroundZeroIsNoNumberToJudgeBy() {
        #expect(Statistics([0, 0, 0, 5, 5, 5, 0, 0, 9]).spread.isInfinite)
    }
}

@Suite("Benchmarks: verdicts")
struct JudgementTests {
    private let rate = Comparison("a ÷ b", unit: "/s", "a", over: "b", floor: 0.5, goal: 0.7)
    private let time = Comparison("a", unit: "ms", "a", better: .less, floor: 20, goal: 5)

    @Test(arguments: [
        (0.71, Verdict.reached), (0.7, .reached), (0.6, .floorReached), (0.5, .floorReached), (0.4, .below),
    ])
    func moreIsBetter(_ value: Double, _ verdict: Verdict) {
        #expect(Verdict(rate, Statistics([value])) == verdict)
    }

    @Test(arguments: [
        (4.0, Verdict.reached), (5, .reached), (6, .floorReached), (20, .floorReached), (21, .below),
    ])
    func lessIsBetter(_ value: Double, _ verdict: Verdict) {
        #expect(Verdict(time, Statistics([value])) == verdict)
    }

    @Test func nothingIsJudgedByRoundsThatLieApart() {
        let verdict = Verdict(rate, Statistics([0.5, 0.75, 1, 1.5, 2]))
        #expect(verdict == .notJudged(spread: 0.75))
        #expect(verdict.text == "not judged: spread 75 %")
        #expect(Verdict(rate, Statistics([0.9, 0.95, 1, 1.05, 1.1])) == .reached)
    }

    @Test func withoutAFloorThereIsOnlyTheGoalAndWithoutAGoalNothing() {
        let rows = Comparison("dead", unit: "rows", "dead", better: .less, goal: 0)
        #expect(Verdict(rows, Statistics([0, 0, 0])) == .reached)
        #expect(Verdict(rows, Statistics([1, 1, 1])) == .below)
        #expect(Verdict(Comparison("x", unit: "ms", "x"), Statistics([1, 9])) == .told)
    }
}

@Suite("Benchmarks: rows and the command line")
struct RowTests {
    private let row = Row(
        number: 1,
        title: "t",
        comparisons: [
            Comparison("ratio", unit: "/s", "a", over: "b", goal: 1), Comparison("alone", unit: "/s", "a"),
            Comparison("without B", unit: "/s", "a", over: "c", goal: 1),
        ]
    ) { _ in Trial(sides: []) }

    /// A machine that gets slower slows both sides of a round: the ratio of each round counts, not that of the medians.
    @Test func ratiosAreTakenRoundByRound() {
        let result = RowResult(row, ["a": [100, 50, 10], "b": [50, 25, 5]])
        #expect(result.lines.map(\.comparison.what) == ["ratio", "alone"])
        #expect(result.lines.first?.judged == Statistics([2, 2, 2]))
        #expect(result.lines.first?.verdict == .reached)
    }

    @Test func everyRowOfTheTableIsThereOnce() {
        #expect(allRows.map(\.number) == Array(1...15))
        #expect(allRows.allSatisfy { !$0.comparisons.isEmpty })
    }

    @Test func theCommandLineIsRead() throws {
        let options = try Options(["--database", "postgres://x", "1", "9", "--scale", "0.1", "--rounds", "7"])
        #expect(options.rows == [1, 9] && options.scale == 0.1 && options.rounds == 7)
        #expect(throws: Options.Complaint.self) { try Options(["1"]) }
        #expect(throws: Options.Complaint.self) { try Options(["--database", "x", "--rounds", "0"]) }
        #expect(throws: Options.Complaint.self) { try Options(["--database", "x", "--wrong", "0"]) }
    }

    @Test(arguments: [
        (0.0, "0"), (0.01234, "0.0123"), (0.5, "0.500"), (1.25, "1.25"), (12.34, "12.3"), (1234.5, "1234"),
    ])
    func figuresHaveTheDigitsThatMeanSomething(_ value: Double, _ text: String) {
        #expect(Figure.text(value) == text)
    }
}
