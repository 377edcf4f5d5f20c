/// See `RequestText.append(encoded:)`.
func uriEncoded(_ text: String, keepingSlash: Bool = false) -> String {
    var encoded = RequestText(capacity: text.utf8.count + 16)
    encoded.append(encoded: text, keepingSlash: keepingSlash)
    return encoded.string
}

/// Undoes the form encoding of `encoding-type=url` listings: `+` is a space. Nil for a broken escape or bad UTF-8.
func formDecoded(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Substring(text).utf8
    while let byte = rest.popFirst() {
        switch byte {
        case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
        case UInt8(ascii: "%"):
            guard let high = rest.popFirst(), let low = rest.popFirst(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        default: bytes.append(byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

/// The query of a URL and of its canonical request, which are the same text: encoded, sorted by byte.
func canonicalQuery(_ items: [(name: String, value: String)]) -> String {
    items.map { (uriEncoded($0.name), uriEncoded($0.value)) }
        .sorted { $0 < $1 }
        .map { "\($0.0)=\($0.1)" }
        .joined(separator: "&")
}
