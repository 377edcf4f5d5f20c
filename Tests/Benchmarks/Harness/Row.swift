/// What one side of a row came to in one round, by name.
typealias Measures = [String: Double]

/// One row of the table: two or more ways to do the same work, and what is expected of their ratios.
struct Row: Sendable {
    let number: Int
    let title: String
    let comparisons: [Comparison]
    /// Rounds that do not count.
    var warmUpCount = 1
    /// Prepares everything that is not to be measured. What it starts through the site ends with the row.
    let prepare: @Sendable (Site) async throws -> Trial
}

/// A row that is ready to be measured.
struct Trial: Sendable {
    /// In the order in which each round runs them: A B A B.
    let sides: [Side]
}

/// One way to do the work of a row.
struct Side: Sendable {
    let name: String
    let measure: @Sendable () async throws -> Measures

    /// A side with several measures.
    init(_ name: String, measures: @escaping @Sendable () async throws -> Measures) {
        self.name = name
        measure = measures
    }

    /// A side with one measure, of the side's name.
    init(_ name: String, _ measure: @escaping @Sendable () async throws -> Double) {
        self.name = name
        self.measure = { [name: try await measure()] }
    }
}
