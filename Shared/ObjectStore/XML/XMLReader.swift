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

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The byte at hand; nil at the end.
    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// The root element; white space, a declaration and comments may stand around it.
    static func parse(_ bytes: [UInt8]) throws(XMLError) -> XMLElement {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw XMLError(what: "not UTF-8") }
        var reader = XMLReader(bytes)
        _ = reader.skip("\u{FEFF}")
        return try reader.document()
    }

    private mutating func document() throws(XMLError) -> XMLElement {
        var open: [XMLElement] = []
        while let byte = next {
            guard byte == UInt8(ascii: "<") else {
                let text = try readText()
                if open.isEmpty {
                    guard text.utf8.allSatisfy(isSpace) else { throw XMLError(what: "text outside the root") }
                } else {
                    open[open.count - 1].text += text
                }
                continue
            }
            switch position + 1 < bytes.count ? bytes[position + 1] : 0 {
            case UInt8(ascii: "/"):
                position += 2
                let name = Self.local(trimmed(try upTo(">")))
                guard var element = open.popLast(), element.name == name else {
                    throw XMLError(what: "an end tag without its start")
                }
                // White space between children is layout, not content.
                if !element.children.isEmpty { element.text = "" }
                if let finished = try place(element, in: &open) { return finished }
            case UInt8(ascii: "!"), UInt8(ascii: "?"): try readMarkup(&open)
            default:
                position += 1
                let (name, isEmpty) = try readStartTag()
                guard open.count < Self.depthLimit else { throw XMLError(what: "nested too deeply") }
                let element = XMLElement(name: name)
                if !isEmpty {
                    open.append(element)
                } else if let finished = try place(element, in: &open) {
                    return finished
                }
            }
        }
        throw XMLError(what: "ends too early")
    }

    /// What is neither an element nor text.
    private mutating func readMarkup(_ open: inout [XMLElement]) throws(XMLError) {
        if skip("<!--") {
            _ = try upTo("-->")
        } else if skip("<?") {
            _ = try upTo("?>")
        } else if skip("<![CDATA[") {
            guard !open.isEmpty else { throw XMLError(what: "text outside the root") }
            open[open.count - 1].text += String(decoding: try upTo("]]>"), as: UTF8.self)
        } else {
            throw XMLError(what: "document types are not taken")
        }
    }

    /// Puts a closed element into its parent; the root is the result, after which only white space and comments may come.
    private mutating func place(_ element: XMLElement, in open: inout [XMLElement]) throws(XMLError)
        -> XMLElement?
    {
        guard open.isEmpty else {
            // Entries of a listing have about as many.
            if open[open.count - 1].children.isEmpty { open[open.count - 1].children.reserveCapacity(6) }
            open[open.count - 1].children.append(element)
            return nil
        }
        while let byte = next {
            if isSpace(byte) {
                position += 1
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
        var end = position
        while end < bytes.count, quote != nil || bytes[end] != UInt8(ascii: ">") {
            let byte = bytes[end]
            if byte == quote {
                quote = nil
            } else if quote == nil, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            }
            end += 1
        }
        guard end < bytes.count else { throw XMLError(what: "an open tag") }
        var tag = bytes[position..<end]
        position = end + 1
        let isEmpty = tag.last == UInt8(ascii: "/")
        if isEmpty { tag.removeLast() }
        let name = Self.local(tag.prefix { !isSpace($0) })
        guard !name.isEmpty else { throw XMLError(what: "a tag without a name") }
        return (name, isEmpty)
    }

    /// Up to the next tag. Most of a listing is this: taken in runs, not byte by byte.
    private mutating func readText() throws(XMLError) -> String {
        var text = ""
        while let byte = next, byte != UInt8(ascii: "<") {
            if byte == UInt8(ascii: "&") {
                position += 1
                text += try character(named: try upTo(";", within: 12))
                continue
            }
            let start = position
            while position < bytes.count, bytes[position] != UInt8(ascii: "<"),
                bytes[position] != UInt8(ascii: "&")
            {
                position += 1
            }
            text += String(decoding: bytes[start..<position], as: UTF8.self)
        }
        return text
    }

    private func character(named reference: ArraySlice<UInt8>) throws(XMLError) -> String {
        let name = String(decoding: reference, as: UTF8.self)
        switch name {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default:
            let digits = name.hasPrefix("#x") ? name.dropFirst(2) : name.dropFirst(1)
            guard name.hasPrefix("#"), let code = UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10),
                let scalar = Unicode.Scalar(code)
            else { throw XMLError(what: "an unknown reference") }
            return String(Character(scalar))
        }
    }

    private mutating func skip(_ prefix: StaticString) -> Bool {
        guard prefix.withUTF8Buffer({ bytes[position...].starts(with: $0) }) else { return false }
        position += prefix.utf8CodeUnitCount
        return true
    }

    /// What stands before the mark, which is consumed too.
    private mutating func upTo(_ mark: StaticString, within limit: Int = .max) throws(XMLError) -> ArraySlice<
        UInt8
    > {
        let start = position
        let first = mark.withUTF8Buffer { $0.first ?? 0 }
        while position < bytes.count, position - start < limit {
            let end = position
            if bytes[end] == first, skip(mark) { return bytes[start..<end] }
            position += 1
        }
        throw XMLError(what: "ends too early")
    }

    private static func local(_ name: ArraySlice<UInt8>) -> String {
        let colon = name.lastIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? name.startIndex
        return String(decoding: name[colon...], as: UTF8.self)
    }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

private func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let start = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
    let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
    return bytes[start..<end]
}
