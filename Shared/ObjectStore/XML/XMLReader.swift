/// Why a document was not taken.
struct XMLError: Error, Equatable {
    let what: String
}

/// A small strict XML reader: UTF-8, elements, text, CDATA, comments, the predefined and numeric references. No document
/// type, so no entity can expand; nesting and size are limited.
///
/// Source: W3C, Extensible Markup Language (XML) 1.0, the part of it that S3 answers use.
struct XMLReader {
    private static let depthLimit = 32

    private var rest: ArraySlice<UInt8>

    private init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The root element; white space, a declaration and comments may stand around it.
    static func parse(_ bytes: [UInt8]) throws(XMLError) -> XMLElement {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw XMLError(what: "not UTF-8") }
        var reader = XMLReader(bytes[...])
        if reader.rest.starts(with: [0xEF, 0xBB, 0xBF]) { reader.rest.removeFirst(3) }
        return try reader.document()
    }

    private mutating func document() throws(XMLError) -> XMLElement {
        var open: [XMLElement] = []
        var texts: [[UInt8]] = []
        while let byte = rest.first {
            guard byte == UInt8(ascii: "<") else {
                let text = try readText()
                if texts.isEmpty {
                    guard text.allSatisfy(isSpace) else { throw XMLError(what: "text outside the root") }
                } else {
                    texts[texts.count - 1] += text
                }
                continue
            }
            if skip("<!--") {
                _ = try upTo("-->")
            } else if skip("<?") {
                _ = try upTo("?>")
            } else if skip("<![CDATA[") {
                guard !texts.isEmpty else { throw XMLError(what: "text outside the root") }
                texts[texts.count - 1] += try upTo("]]>")
            } else if skip("</") {
                let name = trimmed(try upTo(">"))
                guard var element = open.popLast(), let text = texts.popLast(),
                    element.name == Self.local(name)
                else { throw XMLError(what: "an end tag without its start") }
                // White space between children is layout, not content.
                element.text = element.children.isEmpty ? String(decoding: text, as: UTF8.self) : ""
                guard let finished = try place(element, in: &open) else { continue }
                return finished
            } else if skip("<!") {
                throw XMLError(what: "document types are not taken")
            } else {
                rest.removeFirst()
                let (name, isEmpty) = try readStartTag()
                guard open.count < Self.depthLimit else { throw XMLError(what: "nested too deeply") }
                let element = XMLElement(name: name)
                if isEmpty {
                    if let finished = try place(element, in: &open) { return finished }
                } else {
                    open.append(element)
                    texts.append([])
                }
            }
        }
        throw XMLError(what: "ends too early")
    }

    /// Puts a closed element into its parent; the root is the result, after which only white space and comments may come.
    private mutating func place(_ element: XMLElement, in open: inout [XMLElement]) throws(XMLError)
        -> XMLElement?
    {
        guard open.isEmpty else {
            open[open.count - 1].children.append(element)
            return nil
        }
        while let byte = rest.first {
            if isSpace(byte) {
                rest.removeFirst()
            } else if skip("<!--") {
                _ = try upTo("-->")
            } else {
                throw XMLError(what: "something after the root")
            }
        }
        return element
    }

    /// Attributes are skipped, quoted values with `>` in them too.
    private mutating func readStartTag() throws(XMLError) -> (name: String, isEmpty: Bool) {
        var quote: UInt8?
        var end = rest.startIndex
        while end < rest.endIndex, quote != nil || rest[end] != UInt8(ascii: ">") {
            let byte = rest[end]
            if byte == quote {
                quote = nil
            } else if quote == nil, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            }
            end += 1
        }
        guard end < rest.endIndex else { throw XMLError(what: "an open tag") }
        var tag = rest[rest.startIndex..<end]
        rest = rest[(end + 1)...]
        let isEmpty = tag.last == UInt8(ascii: "/")
        if isEmpty { tag.removeLast() }
        let name = Self.local(Array(tag.prefix { !isSpace($0) }))
        guard !name.isEmpty else { throw XMLError(what: "a tag without a name") }
        return (name, isEmpty)
    }

    private mutating func readText() throws(XMLError) -> [UInt8] {
        var text: [UInt8] = []
        while let byte = rest.first, byte != UInt8(ascii: "<") {
            rest.removeFirst()
            if byte == UInt8(ascii: "&") {
                text += try character(named: try upTo(";", within: 12))
            } else {
                text.append(byte)
            }
        }
        return text
    }

    private func character(named reference: [UInt8]) throws(XMLError) -> [UInt8] {
        let name = String(decoding: reference, as: UTF8.self)
        switch name {
        case "amp": return [UInt8(ascii: "&")]
        case "lt": return [UInt8(ascii: "<")]
        case "gt": return [UInt8(ascii: ">")]
        case "quot": return [UInt8(ascii: "\"")]
        case "apos": return [UInt8(ascii: "'")]
        default:
            let digits = name.hasPrefix("#x") ? name.dropFirst(2) : name.dropFirst(1)
            guard name.hasPrefix("#"), let code = UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10),
                let scalar = Unicode.Scalar(code)
            else { throw XMLError(what: "an unknown reference") }
            return Array(String(Character(scalar)).utf8)
        }
    }

    private mutating func skip(_ prefix: StaticString) -> Bool {
        guard prefix.withUTF8Buffer({ rest.starts(with: $0) }) else { return false }
        rest.removeFirst(prefix.utf8CodeUnitCount)
        return true
    }

    /// What stands before the mark, which is consumed too.
    private mutating func upTo(_ mark: StaticString, within limit: Int = .max) throws(XMLError) -> [UInt8] {
        var taken: [UInt8] = []
        while !rest.isEmpty, taken.count < limit {
            if skip(mark) { return taken }
            taken.append(rest.removeFirst())
        }
        throw XMLError(what: "ends too early")
    }

    private static func local(_ name: [UInt8]) -> String {
        let colon = name.lastIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? name.startIndex
        return String(decoding: name[colon...], as: UTF8.self)
    }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

private func trimmed(_ bytes: [UInt8]) -> [UInt8] {
    let start = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
    let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
    return Array(bytes[start..<end])
}
