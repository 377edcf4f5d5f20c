/// The query of a request as forms and URL libraries write it: `+` is a space (WHATWG URL, section 5.1).
///
/// The framework's own parameters leave `+` as it is, so `q=tax+report` would be one word.
///
/// A parameter that is unknown, repeated or broken is refused, because it may be the one that mattered.
public struct QueryValues: Sendable {
    private let values: [String: String]

    /// - Parameters:
    ///   - query: what follows `?`, undecoded.
    ///   - known: the names this path takes.
    ///   - code: of the problem that is thrown.
    /// - Throws: 400, saying which parameter.
    public init(_ query: String?, known: Set<String>, code: String) throws(Problem) {
        var values: [String: String] = [:]
        for pair in (query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(
                separator: UInt8(ascii: "="),
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            guard let name = Self.decoded(parts[0]), known.contains(name) else {
                let list = known.sorted().joined(separator: ", ")
                throw Problem(
                    status: 400,
                    code: code,
                    detail: "The query has a parameter that is not known here; known are: \(list)."
                )
            }
            guard values[name] == nil else {
                throw Problem(
                    status: 400,
                    code: code,
                    detail: "The query parameter \(name) is given more than once."
                )
            }
            guard let value = Self.decoded(parts.dropFirst().first ?? Substring().utf8) else {
                throw Problem(
                    status: 400,
                    code: code,
                    detail: "The query parameter \(name) holds a broken %-escape, or is not UTF-8."
                )
            }
            values[name] = value
        }
        self.values = values
    }

    public subscript(name: String) -> String? { values[name] }

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
