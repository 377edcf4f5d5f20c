/// The name a user gave a file: metadata only, never part of a key, a path or a command.
///
/// White space around it is dropped, because no list would show it; everything else is kept scalar by scalar or the
/// name is refused. Nothing is repaired in silence: who sends `../a` learns so, instead of finding an `a`.
struct FileName: Hashable, Sendable, CustomStringConvertible {
    let text: String
    var description: String { text }

    /// UTF-8 bytes, white space around the name not counted.
    static let byteLimit = 1_024

    /// - Parameter bytes: as they came over the wire.
    init(utf8 bytes: some Collection<UInt8>) throws(FileNameRefusal) {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        try self.init(text)
    }

    init(_ given: String) throws(FileNameRefusal) {
        let name = trimmed(given.unicodeScalars)
        // Measured before anything that walks the whole name more than once.
        guard name.utf8Count <= Self.byteLimit else { throw .tooLong(byteCount: name.utf8Count) }
        for scalar in name {
            if scalar == "/" || scalar == "\\" { throw .pathSeparator }
            if isControl(scalar) { throw .controlCharacter(scalar) }
            if isBidirectionalControl(scalar) { throw .directionalControl(scalar) }
        }
        guard name.contains(where: { !isInvisible($0) }) else { throw .empty }
        text = String(Substring(name))
        guard text != ".", text != ".." else { throw .relativePath }
    }
}

/// Why a file name was refused. Nothing was stored.
enum FileNameRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    case empty
    case notUTF8
    case tooLong(byteCount: Int)
    case pathSeparator
    case relativePath
    case controlCharacter(Unicode.Scalar)
    case directionalControl(Unicode.Scalar)

    /// One sentence for the person who chose the name. It never repeats the name.
    var description: String {
        switch self {
        case .empty: "The file name is empty or has no visible character."
        case .notUTF8: "The file name is not valid UTF-8."
        case .tooLong(let count):
            "The file name has \(count) bytes; the limit is \(FileName.byteLimit) bytes of UTF-8."
        case .pathSeparator: "The file name contains / or \\; send the name without its folders."
        case .relativePath: "The file name must not be . or .. ."
        case .controlCharacter(let scalar):
            "The file name contains the control character \(codePoint(scalar))."
        case .directionalControl(let scalar):
            "The file name contains \(codePoint(scalar)), which can make a name look like another one."
        }
    }
}

private func trimmed(_ scalars: String.UnicodeScalarView) -> Substring.UnicodeScalarView {
    var rest = scalars[...]
    while let first = rest.first, isTrimmed(first) { rest.removeFirst() }
    while let last = rest.last, isTrimmed(last) { rest.removeLast() }
    return rest
}

/// Line breaks and tabs are white space to Unicode, but a name that has one anywhere is refused, not mended.
private func isTrimmed(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace && !isControl(scalar)
}

/// C0, DEL and C1, and the two line separators of Unicode.
private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1F, 0x7F...0x9F, 0x2028...0x2029: true
    default: false
    }
}

/// Marks, embeddings, overrides and isolates (Unicode Standard Annex 9): `gpj.exe` shown as `exe.jpg`.
private func isBidirectionalControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isBidiControl }

private func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || scalar.properties.isDefaultIgnorableCodePoint
}

private func codePoint(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
}

extension Substring.UnicodeScalarView {
    fileprivate var utf8Count: Int { Substring(self).utf8.count }
}
