/// A media type that is safe to store and to send back in a header.
///
/// Source: RFC 9110, section 8.3.1. Type, subtype and parameter names are written in lower case, ASCII only.
struct ContentType: Hashable, Sendable, CustomStringConvertible {
    let text: String
    var description: String { text }

    /// What is assumed of bytes nobody has said anything usable about.
    static let octetStream = ContentType(text: "application/octet-stream")

    static let byteLimit = 255

    private init(text: String) { self.text = text }

    /// What a client declared, or `octetStream` when it declared nothing, something malformed, a wildcard, or more
    /// than 255 bytes: a wrong label is no reason to refuse a file.
    init(declared: String?) {
        var scanner = MediaTypeScanner(declared ?? "")
        guard let text = scanner.mediaType(), text.utf8.count <= Self.byteLimit else {
            self = .octetStream
            return
        }
        self.init(text: text)
    }
}

private struct MediaTypeScanner {
    private var rest: Substring.UTF8View

    /// Empty, and so malformed, when `text` is absurdly long.
    init(_ text: String) { rest = (text.utf8.count <= 4 * ContentType.byteLimit ? text : "").utf8[...] }

    mutating func mediaType() -> String? {
        skipWhitespace()
        guard let type = token()?.lowercased(), skip("/"), let subtype = token()?.lowercased(),
            !type.contains("*"), !subtype.contains("*")
        else { return nil }
        var text = "\(type)/\(subtype)"
        while true {
            skipWhitespace()
            if rest.isEmpty { return text }
            guard skip(";") else { return nil }
            skipWhitespace()
            // An empty parameter (`text/plain;`) is legal and means nothing.
            guard let first = rest.first, first != UInt8(ascii: ";") else { continue }
            guard let name = token()?.lowercased(), skip("="), let value = token() ?? quotedString() else {
                return nil
            }
            text += "; \(name)=\(value)"
        }
    }

    private mutating func token() -> String? {
        let bytes = rest.prefix(while: isTokenByte)
        guard !bytes.isEmpty else { return nil }
        rest = rest[bytes.endIndex...]
        return String(Substring(bytes))
    }

    /// With its quotes. No control characters and, unlike the RFC's obs-text, nothing beyond ASCII.
    private mutating func quotedString() -> String? {
        let start = rest.startIndex
        let all = rest
        guard skip("\"") else { return nil }
        while let byte = rest.first {
            rest.removeFirst()
            switch byte {
            case UInt8(ascii: "\""): return String(Substring(all[start..<rest.startIndex]))
            case UInt8(ascii: "\\"):
                guard let escaped = rest.first, isQuotable(escaped) else { return nil }
                rest.removeFirst()
            default: guard isQuotable(byte) else { return nil }
            }
        }
        return nil
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first, first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipWhitespace() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }
}

/// `tchar` of RFC 9110, section 5.6.2.
private func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}

private func isQuotable(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\t") || (0x20...0x7E).contains(byte) }
