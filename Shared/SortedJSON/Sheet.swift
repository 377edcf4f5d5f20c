/// One JSON value in the making: bare, or the members of an object or list.
struct Sheet {
    enum Form {
        case nothing, bare, list, object
    }

    private var form = Form.nothing
    /// The values' texts, one behind the other.
    private var bytes: [UInt8] = []
    private var members: [Member] = []
    /// Something was asked for that a sheet does not hold.
    private var isUnsuited = false

    private struct Member {
        let name: String
        let text: Range<Int>
    }

    /// The whole value; nil when nothing was written, or something that does not fit.
    consuming func text() -> [UInt8]? {
        guard !isUnsuited else { return nil }
        switch form {
        case .nothing: return nil
        case .bare: return bytes.isEmpty ? nil : bytes
        case .list: return Array("[".utf8) + bytes + Array("]".utf8)
        case .object: return objectText()
        }
    }

    private consuming func objectText() -> [UInt8]? {
        members.sort { $0.name < $1.name }
        var sorted = Sheet()
        sorted.bytes.reserveCapacity(bytes.count + members.reduce(2) { $0 + $1.name.utf8.count + 4 })
        sorted.bytes.append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 {
                guard members[index - 1].name != member.name else { return nil }
                sorted.bytes.append(UInt8(ascii: ","))
            }
            sorted.append(text: member.name)
            sorted.bytes.append(UInt8(ascii: ":"))
            sorted.bytes.append(contentsOf: bytes[member.text])
        }
        sorted.bytes.append(UInt8(ascii: "}"))
        return sorted.bytes
    }

    /// Several parts of one value may be written to the same object or list.
    mutating func become(_ other: Form) {
        if form != .nothing, form != other || form == .bare { isUnsuited = true }
        form = other
    }

    mutating func refuse() { isUnsuited = true }

    /// Adds what `write` appends, by its name or at the end of a list. A bare value is written once.
    ///
    /// The order of names beyond ASCII is the general encoder's matter, and which of two of one name counts.
    mutating func add(_ name: String?, _ write: (inout Sheet) -> Void) {
        if !bytes.isEmpty {
            if form == .list { bytes.append(UInt8(ascii: ",")) }
            if form == .bare { isUnsuited = true }
        }
        if let name, !name.utf8.allSatisfy({ $0 < 0x80 }) { isUnsuited = true }
        let start = bytes.count
        write(&self)
        if let name { members.append(Member(name: name, text: start..<bytes.count)) }
    }

    mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }
    mutating func append(literal: StaticString) {
        bytes.append(
            contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        )
    }
    mutating func append(number: Int64) { bytes.append(contentsOf: String(number).utf8) }

    /// RFC 8259, section 7: quotes, backslashes and control characters are escaped.
    mutating func append(text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var start = 0
            for (index, byte) in utf8.enumerated() where Self.isEscaped(byte) {
                bytes.append(contentsOf: utf8[start..<index])
                append(escaped: byte)
                start = index + 1
            }
            bytes.append(contentsOf: utf8[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func append(escaped byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append(literal: #"\""#)
        case UInt8(ascii: "\\"): append(literal: #"\\"#)
        case 0x08: append(literal: #"\b"#)
        case 0x09: append(literal: #"\t"#)
        case 0x0a: append(literal: #"\n"#)
        case 0x0c: append(literal: #"\f"#)
        case 0x0d: append(literal: #"\r"#)
        default:
            append(literal: byte < 0x10 ? #"\u000"# : #"\u00"#)
            bytes.append(contentsOf: String(byte, radix: 16).utf8)
        }
    }
}
