/// Bytes to text without being told the encoding.
enum TextDecoding {
    /// A byte order mark decides; else valid UTF-8 (a character cut off at the end is dropped); else UTF-8 with repairs
    /// when most of what is not ASCII is valid; else Latin-1, read as windows-1252 the way browsers do (WHATWG Encoding).
    static func text(from bytes: ArraySlice<UInt8>) -> String {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            return String(decoding: bytes.dropFirst(3), as: UTF8.self)
        }
        if bytes.starts(with: [0xFF, 0xFE]) { return utf16(bytes.dropFirst(2), lowByteFirst: true) }
        if bytes.starts(with: [0xFE, 0xFF]) { return utf16(bytes.dropFirst(2), lowByteFirst: false) }
        let whole = droppingCutCharacter(bytes)
        if let text = String(validating: whole, as: UTF8.self) { return text }
        return isMostlyUTF8(whole) ? String(decoding: whole, as: UTF8.self) : latin1(whole)
    }

    /// An odd last byte is dropped, a lone surrogate becomes U+FFFD.
    private static func utf16(_ bytes: ArraySlice<UInt8>, lowByteFirst: Bool) -> String {
        let low = lowByteFirst ? 0 : 1
        let units = stride(from: bytes.startIndex, to: bytes.endIndex - 1, by: 2).lazy.map { index in
            UInt16(bytes[index + low]) | UInt16(bytes[index + 1 - low]) << 8
        }
        return String(decoding: Array(units), as: UTF16.self)
    }

    private static func latin1(_ bytes: ArraySlice<UInt8>) -> String {
        var scalars = String.UnicodeScalarView()
        for byte in bytes {
            let isC1 = (0x80...0x9F).contains(byte)
            scalars.append(isC1 ? windows1252[Int(byte - 0x80)] : Unicode.Scalar(byte))
        }
        return String(scalars)
    }

    /// The bytes were cut at a limit: up to three of them may begin a character that has no end here.
    private static func droppingCutCharacter(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let tail = bytes.suffix(3)
        guard let lead = tail.lastIndex(where: { $0 & 0xC0 != 0x80 }) else { return bytes }
        let isCut = utf8Length(bytes[lead]) > bytes.endIndex - lead
        return isCut ? bytes[..<lead] : bytes
    }

    private static func isMostlyUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
        var validCount = 0
        var invalidCount = 0
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let scalar): if scalar.count > 1 { validCount += 1 }
            case .error: invalidCount += 1
            case .emptyInput: return validCount > invalidCount
            }
        }
    }

    private static func utf8Length(_ lead: UInt8) -> Int {
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
    }
}

/// What windows-1252 has where Latin-1 has C1 controls; the five holes stay controls.
private let windows1252 = Array(
    "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ".unicodeScalars
)

extension String {
    /// Whether more than one character in fifty is none that people write: controls, U+FFFD, unassigned or private.
    var looksBinary: Bool {
        if utf8.starts(with: "%PDF-".utf8) { return true }
        var count = 0
        var suspectCount = 0
        for scalar in unicodeScalars {
            count += 1
            if isSuspect(scalar) { suspectCount += 1 }
        }
        return suspectCount * 50 > count
    }
}

private func isSuspect(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x08...0x0D, 0x1B, 0x20...0x7E: return false
    case 0xFFFD: return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .unassigned, .privateUse, .surrogate: return true
    default: return false
    }
}
