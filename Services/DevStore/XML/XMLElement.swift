/// An element of a request's document. Namespaces and attributes are skipped: S3's requests need neither.
struct XMLElement: Sendable {
    let name: String
    var text = ""
    var children: [XMLElement] = []

    func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }
    func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
    /// The text of a child, white space around it removed.
    func value(_ name: String) -> String? { child(name)?.text.trimmed }
}

extension String {
    var trimmed: String {
        let isSpace: (UInt8) -> Bool = { $0 == 32 || (9...13).contains($0) }
        guard let first = utf8.firstIndex(where: { !isSpace($0) }),
            let last = utf8.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(self[first...last])
    }
}

/// Reads one document: elements, text, character references, CDATA. No DTD, so no entity can expand.
struct XMLParser {
    private static let depthLimit = 32

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func parse(_ bytes: [UInt8]) throws(S3Error) -> XMLElement {
        var parser = XMLParser(bytes)
        try parser.skipProlog()
        let root = try parser.element(depth: 0)
        try parser.skipProlog()
        guard parser.position == bytes.count else { throw .malformedXML }
        return root
    }

    private mutating func element(depth: Int) throws(S3Error) -> XMLElement {
        guard depth < Self.depthLimit, take("<") else { throw .malformedXML }
        let tag = try upTo(">")
        let isEmpty = tag.last == UInt8(ascii: "/")
        var element = XMLElement(name: try localName(isEmpty ? tag.dropLast() : tag))
        if isEmpty { return element }
        var text: [UInt8] = []
        while true {
            if take("</") {
                guard try localName(try upTo(">")) == element.name else { throw .malformedXML }
                guard let decoded = String(validating: text, as: UTF8.self) else { throw .malformedXML }
                element.text = decoded
                return element
            } else if take("<![CDATA[") {
                text += try upTo("]]>")
            } else if take("<!--") {
                _ = try upTo("-->")
            } else if peek == UInt8(ascii: "<") {
                element.children.append(try self.element(depth: depth + 1))
            } else {
                text += try characters()
            }
        }
    }

    /// Text up to the next tag, references replaced.
    private mutating func characters() throws(S3Error) -> [UInt8] {
        var text: [UInt8] = []
        while let byte = peek, byte != UInt8(ascii: "<") {
            position += 1
            guard byte == UInt8(ascii: "&") else {
                text.append(byte)
                continue
            }
            text += try reference(String(decoding: try upTo(";"), as: UTF8.self))
        }
        guard peek != nil else { throw .malformedXML }
        return text
    }

    private func reference(_ name: String) throws(S3Error) -> [UInt8] {
        switch name {
        case "amp": return [0x26]
        case "lt": return [0x3C]
        case "gt": return [0x3E]
        case "quot": return [0x22]
        case "apos": return [0x27]
        default: break
        }
        let digits = name.dropFirst(name.hasPrefix("#x") ? 2 : 1)
        guard name.hasPrefix("#"), let value = UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10),
            let scalar = Unicode.Scalar(value)
        else { throw .malformedXML }
        return Array(String(Character(scalar)).utf8)
    }

    private func localName(_ tag: ArraySlice<UInt8>) throws(S3Error) -> String {
        let name = tag.prefix { $0 > 0x20 }
        guard !name.isEmpty else { throw .malformedXML }
        return String(decoding: name.split(separator: UInt8(ascii: ":")).last ?? name, as: UTF8.self)
    }

    private mutating func skipProlog() throws(S3Error) {
        while let byte = peek {
            if byte == 32 || (9...13).contains(byte) || byte == 0xEF || byte == 0xBB || byte == 0xBF {
                position += 1
            } else if take("<?") {
                _ = try upTo("?>")
            } else if take("<!--") {
                _ = try upTo("-->")
            } else {
                return
            }
        }
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ text: StaticString) -> Bool {
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private mutating func upTo(_ end: StaticString) throws(S3Error) -> ArraySlice<UInt8> {
        let wanted = UnsafeBufferPointer(start: end.utf8Start, count: end.utf8CodeUnitCount)
        var scan = position
        while scan + wanted.count <= bytes.count {
            if bytes[scan] == wanted[0], bytes[scan...].starts(with: wanted) {
                defer { position = scan + wanted.count }
                return bytes[position..<scan]
            }
            scan += 1
        }
        throw .malformedXML
    }
}
