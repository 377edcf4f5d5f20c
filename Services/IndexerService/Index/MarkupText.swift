/// The text of HTML or XML as a reader sees it: no tags, comments, scripts or styles; character references decoded.
///
/// Not a parser of HTML: it never fails, never looks back, and reads every scalar once. Inline elements join what they
/// stand between (`<b>W</b>ord`), all others separate.
struct MarkupText {
    private var rest: Substring.UnicodeScalarView
    private var text = String.UnicodeScalarView()

    static func text(of markup: String) -> String {
        var reader = MarkupText(rest: markup.unicodeScalars[...])
        reader.read()
        return String(reader.text)
    }

    private init(rest: Substring.UnicodeScalarView) { self.rest = rest }

    private mutating func read() {
        while let scalar = rest.popFirst() {
            switch scalar {
            case "<": readMarkup()
            case "&": readReference()
            default: text.append(scalar)
            }
        }
    }

    /// After `<`. What does not begin like markup is text: `a < b`.
    private mutating func readMarkup() {
        guard let first = rest.first else { return text.append("<") }
        if first == "!" || first == "?" {
            if skip("!--") { return skip(past: "-->") }
            if skip("![CDATA[") { return readCharacterData() }
            return skip(past: ">")
        }
        let isEnd = first == "/"
        if isEnd { rest.removeFirst() }
        let name = tagName()
        guard !name.isEmpty else { return text.append(contentsOf: (isEnd ? "</" : "<").unicodeScalars) }
        let isSelfClosed = skipAttributes()
        if !inlineTags.contains(name) { text.append(" ") }
        if !isEnd, !isSelfClosed, rawTags.contains(name) { skipRawText(upTo: name) }
    }

    private mutating func tagName() -> String {
        let name = rest.prefix {
            $0.properties.isAlphabetic || isDigit($0) || "-:_".unicodeScalars.contains($0)
        }
        guard let first = name.first, first.properties.isAlphabetic else { return "" }
        rest = rest[name.endIndex...]
        return String(Substring(name.prefix(32))).lowercased()
    }

    /// To the end of the tag; a `>` inside quotes is not the end. Returns whether the tag ended in `/>`.
    private mutating func skipAttributes() -> Bool {
        var quote: Unicode.Scalar?
        var previous: Unicode.Scalar = " "
        while let scalar = rest.popFirst() {
            if let open = quote {
                if scalar == open { quote = nil }
            } else if scalar == ">" {
                return previous == "/"
            } else if (scalar == "\"" || scalar == "'") && previous == "=" {
                quote = scalar
            }
            if !scalar.properties.isWhitespace { previous = scalar }
        }
        return false
    }

    private mutating func skipRawText(upTo name: String) {
        let end = "/\(name)".unicodeScalars
        while let scalar = rest.popFirst() {
            guard scalar == "<", startsIgnoringCase(with: end) else { continue }
            rest = rest.dropFirst(end.count)
            return skip(past: ">")
        }
    }

    private mutating func readCharacterData() {
        while !skip("]]>") {
            guard let scalar = rest.popFirst() else { return }
            text.append(scalar)
        }
    }

    /// After `&`. What is no reference stays as it stands.
    private mutating func readReference() {
        let name = rest.prefix(32).prefix { isDigit($0) || isLetter($0) || $0 == "#" }
        guard let scalar = characterReference(String(Substring(name))) else { return text.append("&") }
        text.append(scalar)
        rest = rest[name.endIndex...]
        _ = skip(";")
    }

    private mutating func skip(_ prefix: String) -> Bool {
        guard rest.starts(with: prefix.unicodeScalars) else { return false }
        rest = rest.dropFirst(prefix.unicodeScalars.count)
        return true
    }

    private mutating func skip(past end: String) {
        while !skip(end) { guard rest.popFirst() != nil else { return } }
    }

    private func startsIgnoringCase(with lowercase: String.UnicodeScalarView) -> Bool {
        var index = rest.startIndex
        for expected in lowercase {
            guard index < rest.endIndex, rest[index].properties.lowercaseMapping == String(expected) else {
                return false
            }
            index = rest.index(after: index)
        }
        return true
    }
}

private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
private func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
}

private let rawTags: Set = ["script", "style"]
private let inlineTags: Set = [
    "a", "abbr", "b", "bdi", "bdo", "code", "em", "font", "i", "ins", "del", "mark", "q", "s", "small",
    "span", "strong",
    "sub", "sup", "tspan", "u", "wbr",
]
