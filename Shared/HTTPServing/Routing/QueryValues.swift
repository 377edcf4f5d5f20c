/// The query of a request as forms and URL libraries write it: `+` is a space (WHATWG URL, section 5.1).
///
/// The framework's own parameters leave `+` as it is, so `q=tax+report` would be one word.
public struct QueryValues: Sendable {
    private let pairs: [(name: String, value: String)]

    /// - Parameter query: what follows `?`, undecoded.
    /// - Throws: 400 when an escape is broken or the text is not UTF-8.
    public init(_ query: String?) throws(Problem) {
        var pairs: [(name: String, value: String)] = []
        for pair in (query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(
                separator: UInt8(ascii: "="),
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            guard let name = Self.decoded(parts[0]),
                let value = Self.decoded(parts.dropFirst().first ?? Substring().utf8)
            else {
                throw Problem(
                    status: 400,
                    code: "MALFORMED_QUERY",
                    detail: "The query holds a broken %-escape, or is not UTF-8."
                )
            }
            pairs.append((name, value))
        }
        self.pairs = pairs
    }

    /// The first value of that name.
    public subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    private static func decoded(_ text: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexValue),
                    let low = rest.popFirst().flatMap(hexValue)
                else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
