/// What a user typed into the search field, as text for `to_tsquery('simple', …)`.
///
///     tax report          both words
///     "annual report"     the words in this order, side by side; so is any term of several words, as in a@b.org
///     repo*               words that begin so
///     -draft  -"old one"  not these
///
/// Anything can be typed: only words reach the result, each in quotes, joined by operators written here, so PostgreSQL
/// can find no syntax error in it.
struct SearchQuery: Equatable, Sendable {
    /// For `to_tsquery`. Nil when there is nothing to look for: no words, or only excluded ones.
    let tsquery: String?

    /// Scalars of the input that are looked at.
    static let inputLimit = 1_024
    static let termLimit = 32

    init(_ text: String) {
        let terms = Self.terms(of: text)
        let hasWanted = terms.contains { !$0.isExcluded }
        tsquery = hasWanted ? terms.map(\.tsquery).joined(separator: " & ") : nil
    }

    private struct Term {
        var isExcluded = false
        var isPrefix = false
        var words: [String] = []

        var tsquery: String {
            var operands = words.map { "'\($0)'" }
            if isPrefix, let last = operands.popLast() { operands.append(last + ":*") }
            let phrase = operands.joined(separator: " <-> ")
            return isExcluded ? "!(\(phrase))" : operands.count == 1 ? phrase : "(\(phrase))"
        }
    }

    private static func terms(of text: String) -> [Term] {
        var rest = text.unicodeScalars.prefix(inputLimit)
        var terms: [Term] = []
        while terms.count < termLimit {
            rest = rest.drop(while: \.properties.isWhitespace)
            guard !rest.isEmpty else { break }
            let term = readTerm(&rest)
            if !term.words.isEmpty { terms.append(term) }
        }
        return terms
    }

    /// Consumes at least one scalar.
    private static func readTerm(_ rest: inout Substring.UnicodeScalarView) -> Term {
        var term = Term()
        if rest.first == "-" {
            rest.removeFirst()
            term.isExcluded = true
        }
        let isPhrase = rest.first == "\""
        if isPhrase { rest.removeFirst() }
        // A phrase without its closing quote goes to the end; a quote inside a word begins the next term.
        let body = rest.prefix { isPhrase ? $0 != "\"" : $0 != "\"" && !$0.properties.isWhitespace }
        rest = rest[body.endIndex...]
        if isPhrase { rest = rest.dropFirst() }
        term.words = Array(Words(Substring(body)))
        term.isPrefix = !isPhrase && body.last == "*"
        return term
    }
}
