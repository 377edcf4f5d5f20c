/// What a `Range` field asks of content of known size (RFC 9110, section 14).
public enum ByteRangeRequest: Equatable, Sendable {
    /// No range, one that is not understood, or several: answer 200 with everything, as section 14.2 allows.
    case whole
    /// 206 with these bytes, both ends included.
    case single(ClosedRange<Int64>)
    /// 416 with `Content-Range: bytes */size`.
    case unsatisfiable

    /// - Parameter size: of the whole content, zero or more.
    public init(field: String?, size: Int64) {
        guard let field, let ranges = Self.rangeSet(field) else {
            self = .whole
            return
        }
        guard ranges.count == 1, let only = ranges.first else {
            self = .whole
            return
        }
        self = Self.resolve(only, size)
    }

    /// The `Content-Range` of a 206.
    public static func contentRange(_ range: ClosedRange<Int64>, size: Int64) -> String {
        "bytes \(range.lowerBound)-\(range.upperBound)/\(size)"
    }

    /// The `Content-Range` of a 416.
    public static func unsatisfiedContentRange(size: Int64) -> String { "bytes */\(size)" }

    private enum Spec {
        case from(Int64, through: Int64?)
        case suffix(Int64)
    }

    private static func resolve(_ spec: Spec, _ size: Int64) -> ByteRangeRequest {
        switch spec {
        case .from(let first, let last):
            guard first < size else { return .unsatisfiable }
            return .single(first...min(last ?? .max, size - 1))
        case .suffix(let length):
            guard length > 0, size > 0 else { return .unsatisfiable }
            return .single(max(0, size - length)...(size - 1))
        }
    }

    private static func rangeSet(_ field: String) -> [Spec]? {
        let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].lowercased() == "bytes" else { return nil }
        var specs: [Spec] = []
        for element in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
            guard let spec = spec(element.filter { $0 != " " && $0 != "\t" }) else { return nil }
            specs.append(spec)
        }
        return specs
    }

    private static func spec(_ text: String) -> Spec? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        if ends[0].isEmpty { return position(ends[1]).map(Spec.suffix) }
        guard let first = position(ends[0]) else { return nil }
        if ends[1].isEmpty { return .from(first, through: nil) }
        guard let last = position(ends[1]), last >= first else { return nil }
        return .from(first, through: last)
    }

    /// Digits only; more than fit count as very many.
    private static func position(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text) ?? .max
    }
}
