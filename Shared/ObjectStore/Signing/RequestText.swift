/// A text put together byte by byte: strings for its pieces would cost more than the signature.
struct RequestText {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    var string: String { String(decoding: bytes, as: UTF8.self) }

    mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(_ piece: ArraySlice<UInt8>) { bytes.append(contentsOf: piece) }

    /// Where that which `write` appends stands.
    mutating func appendedRange(_ write: (inout RequestText) -> Void) -> Range<Int> {
        let start = bytes.count
        write(&self)
        return start..<bytes.count
    }

    mutating func append(line text: String) {
        append(text)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Percent-encodes every byte of the UTF-8 but RFC 3986's unreserved ones, with upper-case digits; done exactly once.
    ///
    /// Source: AWS, "Create a canonical request", UriEncode.
    mutating func append(encoded text: String, keepingSlash: Bool = false) {
        var text = text
        text.withUTF8 { source in
            var plain = source.startIndex
            for (place, byte) in source.enumerated()
            where !isUnreserved(byte) && !(keepingSlash && byte == UInt8(ascii: "/")) {
                bytes.append(contentsOf: source[plain..<place])
                bytes.append(UInt8(ascii: "%"))
                bytes.append(upperHexDigit(byte >> 4))
                bytes.append(upperHexDigit(byte & 0x0F))
                plain = place + 1
            }
            bytes.append(contentsOf: source[plain...])
        }
    }
}

/// Of a number below 16.
private func upperHexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
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
