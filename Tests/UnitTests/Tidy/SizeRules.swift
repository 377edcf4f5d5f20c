/// How long things are.
enum SizeRules {
    static let fileLineLimit = 250
    static let functionLineLimit = 60

    /// Files and functions that were longer when the limit came, or have a reason. The list may only shrink: an entry
    /// holds the length it had, and goes when the offender is short enough.
    static let offenders: [String: Int] = [
        // One case per state and event, without default.
        "Services/UploadService/Uploads/UploadState.swift func applying": 66
    ]

    /// `path` → lines, and `path function` → lines, of what is over the limits.
    static func overLimit(_ file: SourceFile) -> [String: Int] {
        var found: [String: Int] = [:]
        let lineCount = file.text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
        if lineCount > fileLineLimit { found[file.path] = lineCount }
        for function in functions(file.code) where function.lineCount > functionLineLimit {
            found["\(file.path) \(function.name)"] = function.lineCount
        }
        return found
    }

    static func findings(_ found: [String: Int], listed: [String: Int]) -> [String] {
        let longer = found.filter { $0.value > listed[$0.key] ?? 0 }.map { key, count in
            listed[key].map { "\(key) grew from \($0) to \(count) lines" } ?? "\(key) has \(count) lines"
        }
        let gone = listed.filter { found[$0.key] == nil }.map {
            "\($0.key) is short now: take it off the list"
        }
        return (longer + gone).sorted()
    }

    /// Functions and initialisers with a body, nested ones included.
    static func functions(_ code: SwiftCode) -> [(name: String, lineCount: Int)] {
        var functions: [(name: String, lineCount: Int)] = []
        for (number, line) in code.lines.enumerated() {
            guard let match = line.firstMatch(of: /\b(func\s+[^\s(<]+|init[?]?(?=[(<])|deinit\b)/),
                !line[..<match.range.lowerBound].hasSuffix("."),
                let lineCount = bodyLineCount(code.lines[number...], from: match.range.upperBound)
            else { continue }
            functions.append((String(match.output.1), lineCount))
        }
        return functions
    }

    /// From the line of the name to the closing brace; nil when there is no body (a protocol's requirement, a call).
    private static func bodyLineCount(_ lines: ArraySlice<String>, from start: String.Index) -> Int? {
        var (parentheses, braces) = (0, 0)
        for (number, line) in zip(lines.indices, lines) {
            let text = number == lines.startIndex ? line[start...] : line[...]
            for character in text {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{": braces += 1
                case "}":
                    braces -= 1
                    if braces < 0 { return nil }
                    if braces == 0, parentheses == 0 { return number - lines.startIndex + 1 }
                default: break
                }
            }
            // A declaration goes on after a line only inside parentheses, or with its result or its conditions.
            let next = lines.dropFirst(number - lines.startIndex + 1).first?.drop { $0 == " " } ?? ""
            let goesOn = ["->", "throws", "async", "where", "{", "rethrows"].contains { next.hasPrefix($0) }
            if braces == 0, parentheses == 0, !goesOn { return nil }
        }
        return nil
    }
}
