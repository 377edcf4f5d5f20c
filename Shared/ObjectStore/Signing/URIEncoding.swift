private let upperHex = Array("0123456789ABCDEF".utf8)

/// Percent-encodes every byte of the UTF-8 but RFC 3986's unreserved ones, with upper-case digits; done exactly once.
///
/// Source: AWS, "Create a canonical request", UriEncode.
func uriEncoded(_ text: String, keepingSlash: Bool = false) -> String {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(text.utf8.count + 16)
    for byte in text.utf8 {
        if isUnreserved(byte) || (keepingSlash && byte == UInt8(ascii: "/")) {
            encoded.append(byte)
        } else {
            encoded.append(UInt8(ascii: "%"))
            encoded.append(upperHex[Int(byte >> 4)])
            encoded.append(upperHex[Int(byte & 0x0F)])
        }
    }
    return String(decoding: encoded, as: UTF8.self)
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

private func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
        true
    default: false
    }
}
