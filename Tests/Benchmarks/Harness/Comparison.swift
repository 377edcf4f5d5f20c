/// One line of the table: a measure, or the ratio of two measures, and what is expected of it.
struct Comparison: Sendable {
    enum Better: String, Sendable { case more, less }

    let what: String
    /// Of the measures, not of the ratio.
    let unit: String
    /// The name of a measure.
    let a: String
    /// What `a` is divided by, round by round. Without it `a` itself is judged.
    let b: String?
    let better: Better
    /// Nil: there is nothing between reached and below.
    let floor: Double?
    /// Nil: told, and not judged.
    let goal: Double?

    init(
        _ what: String,
        unit: String,
        _ a: String,
        over b: String? = nil,
        better: Better = .more,
        floor: Double? = nil,
        goal: Double? = nil
    ) {
        self.what = what
        self.unit = unit
        self.a = a
        self.b = b
        self.better = better
        self.floor = floor
        self.goal = goal
    }

    func isMet(_ value: Double, _ limit: Double) -> Bool { better == .more ? value >= limit : value <= limit }
}

/// What a comparison came to.
enum Verdict: Equatable, Sendable {
    /// The goal is.
    case reached
    /// The floor is, the goal is not.
    case floorReached
    case below
    /// The rounds differ too much from each other to say anything.
    case notJudged(spread: Double)
    /// Nothing was expected.
    case told

    /// Above this the machine was not quiet enough.
    static let spreadLimit = 0.25

    init(_ comparison: Comparison, _ judged: Statistics) {
        guard let goal = comparison.goal else {
            self = .told
            return
        }
        guard judged.spread <= Self.spreadLimit else {
            self = .notJudged(spread: judged.spread)
            return
        }
        if comparison.isMet(judged.median, goal) {
            self = .reached
        } else if let floor = comparison.floor, comparison.isMet(judged.median, floor) {
            self = .floorReached
        } else {
            self = .below
        }
    }

    var text: String {
        switch self {
        case .reached: "reached"
        case .floorReached: "floor reached"
        case .below: "below"
        case .notJudged(let spread):
            "not judged: spread \(spread.isFinite ? "\(Int((spread * 100).rounded()))" : "∞") %"
        case .told: ""
        }
    }
}
