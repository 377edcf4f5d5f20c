/// JSON with the escapes inside its strings decoded, so that `"K\u00e4se"` is found as what it says.
///
/// Not a parser: it reads anything, also a document that was cut off, and copies what it does not understand.
enum UnescapedJSON {
    static func text(of json: String) -> String {
        var text = String.UnicodeScalarView()
        var rest = json.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            text.append(scalar == "\\" ? escape(&rest) : scalar)
        }
        return String(text)
    }

    /// After a backslash. Letters that stand for white space become white space.
    private static func escape(_ rest: inout Substring.UnicodeScalarView) -> Unicode.Scalar {
        guard let kind = rest.popFirst() else { return " " }
        switch kind {
        case "n", "r", "t", "b", "f": return " "
        case "u": return unicodeEscape(&rest)
        default: return kind
        }
    }

    private static func unicodeEscape(_ rest: inout Substring.UnicodeScalarView) -> Unicode.Scalar {
        guard let unit = codeUnit(&rest) else { return " " }
        guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
        var ahead = rest
        guard ahead.popFirst() == "\\", ahead.popFirst() == "u", let trail = codeUnit(&ahead),
            UTF16.isTrailSurrogate(trail)
        else { return "\u{FFFD}" }
        rest = ahead
        return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
    }

    private static func codeUnit(_ rest: inout Substring.UnicodeScalarView) -> UInt16? {
        let digits = rest.prefix(4)
        guard digits.count == 4, digits.allSatisfy(\.properties.isASCIIHexDigit),
            let unit = UInt16(Substring(digits), radix: 16)
        else { return nil }
        rest = rest.dropFirst(4)
        return unit
    }
}
