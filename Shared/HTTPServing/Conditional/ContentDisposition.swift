/// The field that makes a browser save a download instead of showing it (RFC 6266).
public enum ContentDisposition {
    /// `attachment` with the name twice: plain ASCII for old clients, RFC 8187 for the others.
    ///
    /// Any text is safe: path separators, control characters and marks that turn the reading direction become `_`; a name
    /// of nothing but dots becomes `download`; names beyond 255 bytes are cut, keeping a short extension.
    public static func attachment(fileName: String) -> String {
        let name = shortened(presentable(fileName))
        return "attachment; filename=\"\(plain(name))\"; filename*=UTF-8''\(percentEncoded(name))"
    }

    private static func presentable(_ name: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in name.unicodeScalars { result.append(isHarmful(scalar) ? "_" : scalar) }
        let text = String(result)
        return text.allSatisfy({ $0 == "." || $0 == " " }) ? "download" : text
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "/" || scalar == "\\" { return true }
        switch scalar.properties.generalCategory {
        // Cc, Cf (where the bidirectional controls are), Zl, Zp, unassigned and private use.
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return true
        // Emoji are joined with U+200D; it changes no direction.
        case .format: return scalar.value != 0x200D
        default: return false
        }
    }

    private static let byteLimit = 255

    private static func shortened(_ name: String) -> String {
        guard name.utf8.count > byteLimit else { return name }
        let dot = name.lastIndex(of: ".")
        let ending = dot.map { String(name[$0...]) } ?? ""
        let kept = ending.utf8.count <= 16 ? ending : ""
        var result = ""
        var count = kept.utf8.count
        for character in name {
            count += String(character).utf8.count
            if count > byteLimit { break }
            result.append(character)
        }
        return result + kept
    }

    private static func plain(_ name: String) -> String {
        String(
            name.unicodeScalars.map { scalar in
                let isPlain = scalar.value >= 0x20 && scalar.value < 0x7F && scalar != "\"" && scalar != "%"
                return isPlain ? Character(scalar) : "_"
            }
        )
    }

    /// `attr-char` of RFC 8187 stays, every other byte is escaped.
    private static func percentEncoded(_ name: String) -> String {
        var result = ""
        for byte in name.utf8 {
            if isAttributeByte(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }

    private static func isAttributeByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || "!#$&+-.^_`|~".utf8.contains(byte)
    }
}
