/// The parameters of a request's query, read strictly: a parameter that is misspelt, repeated or broken is refused instead of
/// ignored, because it may be the one that mattered.
///
/// Source: WHATWG URL Standard, section 5.1 (application/x-www-form-urlencoded), so `+` is a space; the framework's own
/// parameters leave it as it is.
public struct QueryItems: Sendable {
    private let items: [String: [UInt8]]
    private let code: String

    /// - Parameters:
    ///   - query: what follows `?`, undecoded.
    ///   - known: the names this path takes.
    ///   - code: of the problems that are thrown, all with status 400.
    public init(_ query: String?, known: Set<String>, code: String) throws(Problem) {
        self.code = code
        var items: [String: [UInt8]] = [:]
        for pair in (query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let halves = pair.split(
                separator: UInt8(ascii: "="),
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            let name = halves.first.flatMap(Self.decoded).flatMap { String(validating: $0, as: UTF8.self) }
            guard let name, known.contains(name) else {
                let list = known.isEmpty ? "none" : known.sorted().joined(separator: ", ")
                throw Problem(
                    status: 400,
                    code: code,
                    detail: "The query has a parameter that is not known here; known are: \(list)."
                )
            }
            guard items[name] == nil else { throw Self.refusal(name, "is given more than once", code) }
            guard let value = Self.decoded(halves.count == 2 ? halves[1] : ""[...].utf8) else {
                throw Self.refusal(name, "is not percent-encoded as it must be", code)
            }
            items[name] = value
        }
        self.items = items
    }

    /// - Parameter problem: finishes the sentence that the parameter's name begins.
    public func refusal(_ name: String, _ problem: String) -> Problem { Self.refusal(name, problem, code) }

    private static func refusal(_ name: String, _ problem: String, _ code: String) -> Problem {
        Problem(status: 400, code: code, detail: "The query parameter \(name) \(problem).")
    }

    /// As it came, which need not be UTF-8.
    public func bytes(_ name: String) -> [UInt8]? { items[name] }

    public func text(_ name: String) throws(Problem) -> String? {
        guard let bytes = items[name] else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
            throw refusal(name, "must be UTF-8 without NUL")
        }
        return text
    }

    public func flag(_ name: String) throws(Problem) -> Bool {
        switch try text(name) {
        case nil, "false": return false
        case "true": return true
        default: throw refusal(name, "must be true or false")
        }
    }

    public func integer(
        _ name: String,
        default fallback: Int,
        in range: ClosedRange<Int>
    ) throws(Problem) -> Int {
        guard let text = try text(name) else { return fallback }
        guard let value = Int(text), range.contains(value) else {
            throw refusal(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static func decoded(_ text: Substring.UTF8View) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): result.append(0x20)
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit)
                else {
                    return nil
                }
                result.append(high << 4 | low)
            default: result.append(byte)
            }
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
