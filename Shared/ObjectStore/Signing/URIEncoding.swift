/// See `RequestText.append(encoded:)`.
func uriEncoded(_ text: String, keepingSlash: Bool = false) -> String {
    var encoded = RequestText(capacity: text.utf8.count + 16)
    encoded.append(encoded: text, keepingSlash: keepingSlash)
    return encoded.string
}

/// Undoes the form encoding of `encoding-type=url` listings: `+` is a space. Nil for a broken escape or bad UTF-8.
func formDecoded(_ text: String) -> String? {
    guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
        return text
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
        switch byte {
        case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
        case UInt8(ascii: "%"):
            guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        default: bytes.append(byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

/// The value of a hexadecimal digit of either case.
private func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// The query of a URL and of its canonical request, which are the same text: encoded, sorted by byte.
func canonicalQuery(_ items: [(name: String, value: String)]) -> String {
    items.map { (uriEncoded($0.name), uriEncoded($0.value)) }
        .sorted { $0 < $1 }
        .map { "\($0.0)=\($0.1)" }
        .joined(separator: "&")
}
