/// Tests/INVARIANTS.md: what is held by tests, and what is not built yet.
struct InvariantList {
    let held: Set<String>
    let notYetBuilt: Set<String>

    init(_ document: String) {
        let parts = document.split(separator: "\n## ", omittingEmptySubsequences: false)
        held = Self.numbers(parts.filter { $0.hasPrefix("Held by tests") })
        notYetBuilt = Self.numbers(parts.filter { $0.hasPrefix("Not yet built") })
    }

    private static func numbers(_ parts: [Substring]) -> Set<String> {
        Set(parts.flatMap { $0.matches(of: #/\n\| (I\d+) \|/#).map { String($0.output.1) } })
    }

    /// - Parameter tests: the text of all tests.
    func findings(tests: String) -> [String] {
        // The attribute is put together here so that this file names no suite.
        let attribute = "@" + "Suite("
        let tested = Set(
            tests.split(separator: attribute, omittingEmptySubsequences: false).dropFirst().flatMap { suite in
                // One suite may hold several: its name begins with all their numbers.
                suite.drop { $0.isWhitespace || $0 == "\"" }.split(separator: " ", maxSplits: 8)
                    .prefix { $0.wholeMatch(of: #/I\d+/#) != nil }.map(String.init)
            }
        )
        return sorted(held.subtracting(tested)).map {
            "\($0) is listed as held, but no suite is named after it"
        }
            + sorted(notYetBuilt.intersection(tested)).map { "\($0) has a suite: list it as held" }
            + sorted(tested.subtracting(held.union(notYetBuilt))).map {
                "\($0) has a suite but is not listed"
            }
            + sorted(held.intersection(notYetBuilt)).map { "\($0) is in both lists" }
    }

    private func sorted(_ numbers: Set<String>) -> [String] {
        numbers.sorted { Int($0.dropFirst()) ?? 0 < Int($1.dropFirst()) ?? 0 }
    }
}
