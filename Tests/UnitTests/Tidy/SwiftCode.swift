/// Tells code from comments and literals. Knows line and block comments, and string literals with any number of
/// quotes and hashes; an interpolation counts as part of its literal.
struct SwiftCode: Sendable {
    struct Literal: Sendable {
        let line: Int
        let text: String
    }

    /// The code line by line: comments gone, literals empty (`""`).
    private(set) var lines: [String] = [""]
    private(set) var literals: [Literal] = []

    private var rest: ArraySlice<Character>

    init(_ text: String) {
        rest = Array(text)[...]
        while let character = rest.first {
            if skipComment() || readLiteral() { continue }
            append(character)
            rest.removeFirst()
        }
    }

    private mutating func append(_ character: Character) {
        if character.isNewline { lines.append("") } else { lines[lines.count - 1].append(character) }
    }

    private mutating func skipComment() -> Bool {
        if rest.starts(with: "//") {
            rest = rest.drop { !$0.isNewline }
            return true
        }
        guard rest.starts(with: "/*") else { return false }
        var depth = 0
        repeat {
            if rest.starts(with: "/*") {
                depth += 1
                rest = rest.dropFirst(2)
            } else if rest.starts(with: "*/") {
                depth -= 1
                rest = rest.dropFirst(2)
            } else if let character = rest.popFirst(), character.isNewline {
                lines.append("")
            }
        } while depth > 0 && !rest.isEmpty
        return true
    }

    private mutating func readLiteral() -> Bool {
        let hashes = rest.prefix { $0 == "#" }
        let opening = rest.dropFirst(hashes.count)
        guard opening.first == "\"" else { return false }
        let isMultiline = opening.starts(with: "\"\"\"")
        let quotes = isMultiline ? "\"\"\"" : "\""
        let start = lines.count
        var text = ""
        rest = opening.dropFirst(quotes.count)
        append("\"")
        while let character = rest.first {
            if rest.starts(with: quotes + hashes) {
                rest = rest.dropFirst(quotes.count + hashes.count)
                break
            }
            // A literal on one line ends with the line whatever it holds: a mistake here costs one line only.
            if character.isNewline, !isMultiline { break }
            if rest.starts(with: "\\" + hashes) {
                text.append(character)
                rest = rest.dropFirst(1 + hashes.count)
                guard let escaped = rest.popFirst() else { break }
                text.append(escaped)
                if escaped.isNewline { lines.append("") }
                continue
            }
            if character.isNewline { lines.append("") }
            text.append(character)
            rest.removeFirst()
        }
        append("\"")
        literals.append(Literal(line: start, text: text))
        return true
    }
}
