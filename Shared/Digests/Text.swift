import struct FoundationEssentials.Data

/// Two lower-case digits per byte.
public func hexText(_ bytes: some Collection<UInt8>) -> String { hexText(Array(bytes)) }

/// The same; signing does little else, so this one is not generic.
public func hexText(_ bytes: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: bytes.count * 2) { text in
        for (place, byte) in bytes.enumerated() {
            text[2 * place] = hexDigit(byte >> 4)
            text[2 * place + 1] = hexDigit(byte & 0x0F)
        }
        return bytes.count * 2
    }
}

/// Of a number below 16.
private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

/// Padded standard base64 (RFC 4648, section 4).
public func base64Text(_ bytes: some Sequence<UInt8>) -> String { Data(bytes).base64EncodedString() }

/// Nil for an odd number of digits or anything that is not one.
func bytesOfHex(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text {
        guard let digit = hexValue(character) else { return nil }
        if let upper = high {
            bytes.append(upper << 4 | digit)
            high = nil
        } else {
            high = digit
        }
    }
    return high == nil ? bytes : nil
}

private func hexValue(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}
