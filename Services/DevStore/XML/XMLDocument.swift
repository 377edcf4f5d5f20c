/// Writes the small documents S3 answers with.
struct XMLDocument: Sendable {
    private(set) var source = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

    private static let namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

    mutating func root(_ name: String, _ body: (inout XMLDocument) -> Void) {
        source += "<\(name) xmlns=\"\(Self.namespace)\">"
        body(&self)
        source += "</\(name)>"
    }

    mutating func element(_ name: String, _ body: (inout XMLDocument) -> Void) {
        source += "<\(name)>"
        body(&self)
        source += "</\(name)>"
    }

    mutating func text(_ value: String) { append(escaping: value) }

    /// Nothing at all when there is no value.
    mutating func element(_ name: String, _ value: String?) {
        guard let value, !name.isEmpty else { return }
        source += "<\(name)>"
        append(escaping: value)
        source += "</\(name)>"
    }

    mutating func element(_ name: String, _ value: some BinaryInteger) { element(name, String(value)) }
    mutating func element(_ name: String, _ value: Bool) { element(name, value ? "true" : "false") }

    /// Control characters are sent as references: XML 1.0 has no other way, and keys may hold them.
    private mutating func append(escaping value: String) {
        let isPlain = value.utf8.allSatisfy {
            $0 >= 0x20 && $0 != 0x26 && $0 != 0x3C && $0 != 0x3E && $0 != 0x22
        }
        if isPlain {
            source += value
            return
        }
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": source += "&amp;"
            case "<": source += "&lt;"
            case ">": source += "&gt;"
            case "\"": source += "&quot;"
            case _ where scalar.value < 0x20:
                source += "&#x\(String(scalar.value, radix: 16, uppercase: true));"
            default: source.unicodeScalars.append(scalar)
            }
        }
    }
}
