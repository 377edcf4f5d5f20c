/// The header of one part of a form.
public struct FormPartHead: Equatable, Sendable {
    /// The form field's name.
    public let name: String
    /// As the client sent it: not a path to trust. Nil for a plain field.
    public let fileName: String?
    public let contentType: String?

    /// - Parameter lines: header lines without their line ends.
    init(lines: [[UInt8]]) throws(MultipartFailure) {
        var disposition: String?
        var contentType: String?
        for line in lines {
            let (name, value) = try Self.field(line)
            switch name {
            case "content-disposition":
                guard disposition == nil else {
                    throw .malformedHeader("two Content-Disposition lines in one part")
                }
                disposition = value
            case "content-type": contentType = value
            default: continue
            }
        }
        guard let disposition, let parsed = HeaderParameters(disposition), parsed.value == "form-data" else {
            throw .malformedHeader("a part has no Content-Disposition of form-data")
        }
        guard let name = parsed["name"] else { throw .malformedHeader("a part has no name") }
        self.name = Self.unescaped(name)
        // RFC 7578, section 4.2 forbids filename*; clients send it all the same, and it is the unambiguous one.
        fileName = parsed["filename*"].flatMap(ExtendedValue.decode) ?? parsed["filename"].map(Self.unescaped)
        self.contentType = contentType
    }

    private static func field(_ line: [UInt8]) throws(MultipartFailure) -> (name: String, value: String) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            line[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw .malformedHeader("a header line of a part has no name") }
        let value = line[(colon + 1)...]
        guard !value.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) else {
            throw .malformedHeader("a header line of a part holds a control character")
        }
        return (String(decoding: line[..<colon], as: UTF8.self).lowercased(), trimmed(text(value)))
    }

    /// UTF-8 as browsers send it, else Latin-1.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(validating: bytes, as: UTF8.self)
            ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    private static func trimmed(_ text: String) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var rest = text.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(rest)
    }

    /// What the HTML standard's form encoder escapes: `%22`, `%0D`, `%0A`, and nothing else, not even `%`.
    private static func unescaped(_ text: String) -> String {
        text.replacing("%22", with: "\"").replacing("%0D", with: "\r").replacing("%0A", with: "\n")
    }
}

/// `value; name=token; name="quoted"` as Content-Disposition and Content-Type have it.
struct HeaderParameters {
    /// Lower case.
    let value: String
    private let parameters: [String: String]

    /// Nil when it does not parse. Of a repeated parameter the first counts.
    init?(_ text: String) {
        var scalars = Substring(text).unicodeScalars
        value =
            String(String.UnicodeScalarView(scalars.prefix { $0 != ";" })).lowercased()
            .split(separator: " ").first.map(String.init) ?? ""
        scalars = scalars.drop { $0 != ";" }
        var parameters: [String: String] = [:]
        while let next = scalars.first {
            guard next == ";" else { return nil }
            scalars = scalars.dropFirst().drop { $0 == " " || $0 == "\t" }
            if scalars.isEmpty || scalars.first == ";" { continue }
            let name = scalars.prefix { $0 != "=" && $0 != ";" && $0 != " " }
            scalars = scalars.dropFirst(name.count).drop { $0 == " " }
            guard !name.isEmpty, scalars.first == "=" else { return nil }
            scalars = scalars.dropFirst().drop { $0 == " " }
            guard let value = Self.parameterValue(&scalars) else { return nil }
            scalars = scalars.drop { $0 == " " || $0 == "\t" }
            let key = String(String.UnicodeScalarView(name)).lowercased()
            if parameters[key] == nil { parameters[key] = value }
        }
        self.parameters = parameters
    }

    subscript(name: String) -> String? { parameters[name] }

    private static func parameterValue(_ scalars: inout Substring.UnicodeScalarView) -> String? {
        guard scalars.first == "\"" else {
            let token = scalars.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
            scalars = scalars.dropFirst(token.count)
            return String(String.UnicodeScalarView(token))
        }
        scalars = scalars.dropFirst()
        var result = String.UnicodeScalarView()
        while let next = scalars.popFirst() {
            if next == "\"" { return String(result) }
            // A backslash escapes a quote or itself; before anything else it is part of a Windows path.
            if next == "\\", let escaped = scalars.first, escaped == "\"" || escaped == "\\" {
                scalars = scalars.dropFirst()
                result.append(escaped)
            } else {
                result.append(next)
            }
        }
        return nil
    }
}

/// `UTF-8''na%C3%AFve.txt` (RFC 8187).
enum ExtendedValue {
    /// Nil when malformed or in another character set.
    static func decode(_ text: String) -> String? {
        let parts = text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = percentDecoded(parts[2]) else { return nil }
        switch parts[0].lowercased() {
        case "utf-8": return String(validating: bytes, as: UTF8.self)
        case "iso-8859-1": return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
        default: return nil
        }
    }

    private static func percentDecoded(_ text: Substring) -> [UInt8]? {
        var result: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while let next = bytes.popFirst() {
            guard next == UInt8(ascii: "%") else {
                result.append(next)
                continue
            }
            let digits = bytes.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            result.append(value)
            bytes = bytes.dropFirst(2)
        }
        return result
    }
}
