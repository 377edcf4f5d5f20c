/// JSON strings (RFC 8259, section 7), written straight into bytes.
public enum JSONText {
    /// Appends `text` with its quotes. Control characters, DEL and the line separators U+2028/U+2029 are escaped, so the
    /// result never spans lines and never moves a terminal's cursor.
    public static func append(_ text: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        var text = text
        let isWritten = text.withUTF8 { bytes in
            guard bytes.allSatisfy(isPlain) else { return false }
            line += bytes
            return true
        }
        if !isWritten { for scalar in text.unicodeScalars { append(scalar, to: &line) } }
        line.append(UInt8(ascii: "\""))
    }

    /// Most text is nothing but this.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private static func append(_ scalar: Unicode.Scalar, to line: inout [UInt8]) {
        switch scalar {
        case "\"": line += [UInt8(ascii: "\\"), UInt8(ascii: "\"")]
        case "\\": line += [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
        case "\n": line += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
        case "\r": line += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
        case "\t": line += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
        default:
            if needsEscape(scalar) {
                let digits = String(scalar.value, radix: 16)
                line += "\\u\(String(repeating: "0", count: max(0, 4 - digits.utf8.count)))\(digits)".utf8
            } else {
                line += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
    }

    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        // C0, DEL and C1; then the bidirectional controls and line separators, which change how a log line reads.
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            || (0x200E...0x200F).contains(scalar.value) || (0x2028...0x202E).contains(scalar.value)
            || (0x2066...0x2069).contains(scalar.value)
    }
}
