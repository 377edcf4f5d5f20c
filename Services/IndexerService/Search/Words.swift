/// The words of a text, as the index keeps them and a query asks for them: one rule for both sides.
///
/// A word is a run of letters, digits and the marks that belong to them, in lower case. Everything else separates, so
/// PostgreSQL's parser never sees a URL, a path, a host name or a float, and `method` is found in `object.method()`.
/// Invisible format characters (soft hyphen, joiners) are dropped without separating. Each ideograph or kana is a word
/// of its own, since nothing separates words there; a query for several of them is a phrase.
struct Words: Sequence, IteratorProtocol {
    /// Longer words are dropped: a lexeme of a `tsvector` has at most 2 046 bytes.
    static let byteLimit = 2_046

    private var rest: Substring.UnicodeScalarView

    init(_ text: some StringProtocol) { rest = Substring(text).unicodeScalars }

    mutating func next() -> String? {
        while !rest.isEmpty {
            guard let word = readWord() else { continue }
            if word.utf8.count <= Self.byteLimit { return word }
        }
        return nil
    }

    /// Consumes at least one scalar; nil when that gave no word.
    private mutating func readWord() -> String? {
        var word = ""
        while let scalar = rest.first {
            let role = Role(scalar)
            if role == .alone && !word.isEmpty { return word }
            rest.removeFirst()
            switch role {
            case .letter: append(scalar, to: &word)
            case .mark: if !word.isEmpty { append(scalar, to: &word) }
            case .ignored: continue
            case .alone: return String(scalar)
            case .separator: return word.isEmpty ? nil : word
            }
        }
        return word.isEmpty ? nil : word
    }

    /// A word already too long does not grow further: memory stays bounded whatever the file holds.
    private func append(_ scalar: Unicode.Scalar, to word: inout String) {
        guard word.utf8.count <= Self.byteLimit else { return }
        if scalar.isASCII {
            let isUpper = ("A"..."Z").contains(scalar)
            word.unicodeScalars.append(isUpper ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
        } else {
            word += scalar.properties.lowercaseMapping
        }
    }

    private enum Role {
        case letter, mark, ignored, alone, separator

        init(_ scalar: Unicode.Scalar) {
            switch scalar.value {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: self = .letter
            case 0...0x7F: self = .separator
            case 0x3041...0x30FF: self = .alone
            case 0x200B: self = .separator
            default: self = scalar.properties.isIdeographic ? .alone : Role(scalar.properties.generalCategory)
            }
        }

        private init(_ category: Unicode.GeneralCategory) {
            switch category {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
                .decimalNumber, .letterNumber:
                self = .letter
            case .nonspacingMark, .spacingMark, .enclosingMark: self = .mark
            case .format: self = .ignored
            // Also ², ½ and ⑦: PostgreSQL's parser takes them for blanks, and a phrase would get a gap.
            default: self = .separator
            }
        }
    }
}
