/// What the index keeps of a file's content. Pure, bounded, and total: any bytes give an answer.
struct ExtractedText: Equatable, Sendable {
    let kind: TextKind
    /// Words in lower case with single spaces, ready for `to_tsvector('simple', …)`: at most 1 MiB, and few enough that
    /// the `tsvector` stays below PostgreSQL's 1 MiB. Empty for `binary`.
    let words: String
    /// The beginning as a person would read it: one line, at most `excerptLimit` scalars, no control characters.
    let excerpt: String

    /// How many bytes of a file are looked at.
    static let byteLimit = 1 << 20
    static let excerptLimit = 300

    /// - Parameters:
    ///   - contentType: as stored with the file; may be anything.
    ///   - name: the file's name; only its extension matters here.
    ///   - bytes: the file's first MiB, or all of it; more is ignored.
    init(contentType: String, name: String, bytes: some Collection<UInt8>) {
        let declared = TextKind(contentType: contentType, name: name)
        guard declared != .binary else {
            self.init(kind: .binary, readable: "")
            return
        }
        let decoded = TextDecoding.text(from: Array(bytes.prefix(Self.byteLimit))[...])
        guard !decoded.looksBinary else {
            self.init(kind: .binary, readable: "")
            return
        }
        self.init(kind: declared, readable: declared.readableText(of: decoded))
    }

    private init(kind: TextKind, readable: String) {
        self.kind = kind
        words = SearchableWords.text(of: readable)
        excerpt = oneLine(readable, limit: Self.excerptLimit)
    }
}

extension TextKind {
    fileprivate func readableText(of text: String) -> String {
        switch self {
        case .html, .xml: MarkupText.text(of: text)
        case .json: UnescapedJSON.text(of: text)
        // Their punctuation only separates words, which `Words` does for every kind.
        case .plain, .markdown, .csv, .source: text
        case .binary: ""
        }
    }
}

/// White space runs become one space; controls and directional controls are left out.
private func oneLine(_ text: String, limit: Int) -> String {
    var line = String.UnicodeScalarView()
    var count = 0
    var isGapPending = false
    for scalar in text.unicodeScalars {
        guard count < limit else { break }
        if scalar.properties.isWhitespace {
            isGapPending = count > 0
            continue
        }
        let isControl = scalar.properties.generalCategory == .control
        if isControl || scalar.properties.isBidiControl { continue }
        if isGapPending {
            line.append(" ")
            count += 1
            isGapPending = false
        }
        line.append(scalar)
        count += 1
    }
    return String(line)
}
