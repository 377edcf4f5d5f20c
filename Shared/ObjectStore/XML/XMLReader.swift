import Glibc

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

    /// Takes a child of the root: false leaves it to the tree. White space between children that were all taken stays, as the root's text.
    typealias Take = (XMLElement) -> Bool

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The byte at hand; nil at the end.
    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// The root element; white space, a declaration and comments may stand around it.
    ///
    /// - Parameter take: asked for each child of the root as it ends, so that a long document is not held as a tree.
    static func parse(_ bytes: [UInt8], _ take: Take = { _ in false }) throws(XMLError) -> XMLElement {
        // Most are ASCII, which is seen without a copy.
        guard bytes.reduce(0, |) < 0x80 || String(validating: bytes, as: UTF8.self) != nil else {
            throw XMLError(what: "not UTF-8")
        }
        var reader = XMLReader(bytes)
        _ = reader.skip("\u{FEFF}")
        return try reader.document(take)
    }

    private mutating func document(_ take: Take) throws(XMLError) -> XMLElement {
        var open: [XMLElement] = []
        while let byte = next {
            guard byte == UInt8(ascii: "<") else {
                let text = try readText()
                if open.isEmpty {
                    guard text.utf8.allSatisfy(isSpace) else { throw XMLError(what: "text outside the root") }
                } else {
                    add(text, to: &open[open.count - 1])
                }
                continue
            }
            switch position + 1 < bytes.count ? bytes[position + 1] : 0 {
            case UInt8(ascii: "/"):
                position += 2
                let name = try readEndTag()
                guard var element = open.popLast(), element.name == name else {
                    throw XMLError(what: "an end tag without its start")
                }
                // White space between children is layout, not content.
                if !element.children.isEmpty { element.text = "" }
                if let finished = try place(element, in: &open, take) { return finished }
            case UInt8(ascii: "!"), UInt8(ascii: "?"): try readMarkup(&open)
            default:
                position += 1
                let (name, isEmpty) = try readStartTag()
                guard open.count < Self.depthLimit else { throw XMLError(what: "nested too deeply") }
                let element = XMLElement(name: name)
                if !isEmpty {
                    open.append(element)
                } else if let finished = try place(element, in: &open, take) {
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
            add(string(try upTo("]]>")), to: &open[open.count - 1])
        } else {
            throw XMLError(what: "document types are not taken")
        }
    }

    /// Mostly it is all there is.
    private func add(_ text: String, to element: inout XMLElement) {
        if element.text.isEmpty { element.text = text } else { element.text += text }
    }

    /// Puts a closed element into its parent; the root is the result, after which only white space and comments may come.
    private mutating func place(
        _ element: XMLElement,
        in open: inout [XMLElement],
        _ take: Take
    ) throws(XMLError) -> XMLElement? {
        guard open.isEmpty else {
            if open.count == 1, take(element) { return nil }
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
        let start = position
        var quote: UInt8?
        var end = start
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
        position = end + 1
        let isEmpty = end > start && bytes[end - 1] == UInt8(ascii: "/")
        let name = local(start..<(isEmpty ? end - 1 : end))
        guard !name.isEmpty else { throw XMLError(what: "a tag without a name") }
        return (name, isEmpty)
    }

    private mutating func readEndTag() throws(XMLError) -> String {
        var tag = try upTo(">")
        while let last = tag.last, isSpace(bytes[last]) { tag.removeLast() }
        guard !tag.contains(where: { isSpace(bytes[$0]) }) else { throw XMLError(what: "more in an end tag") }
        return local(tag)
    }

    /// Up to the next tag. Most of a listing is this: taken in runs, not byte by byte.
    private mutating func readText() throws(XMLError) -> String {
        let end = find(UInt8(ascii: "<"), in: position..<bytes.count) ?? bytes.count
        var text = ""
        while position < end {
            let mark = find(UInt8(ascii: "&"), in: position..<end) ?? end
            if text.isEmpty { text = string(position..<mark) } else { text += string(position..<mark) }
            position = mark
            guard mark < end else { break }
            position += 1
            text.unicodeScalars.append(try scalar(named: try upTo(";", within: 12)))
        }
        return text
    }

    private func scalar(named reference: Range<Int>) throws(XMLError) -> Unicode.Scalar {
        let name = string(reference)
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
            return scalar
        }
    }

    private mutating func skip(_ prefix: StaticString) -> Bool {
        guard prefix.withUTF8Buffer({ bytes[position...].starts(with: $0) }) else { return false }
        position += prefix.utf8CodeUnitCount
        return true
    }

    /// What stands before the mark, which is consumed too.
    private mutating func upTo(_ mark: StaticString, within limit: Int = .max) throws(XMLError) -> Range<Int>
    {
        let start = position
        let first = mark.withUTF8Buffer { $0.first ?? 0 }
        let end = limit < bytes.count - start ? start + limit : bytes.count
        while let found = find(first, in: position..<end) {
            position = found
            if skip(mark) { return start..<found }
            position += 1
        }
        throw XMLError(what: "ends too early")
    }

    /// A tag's name without its prefix and what follows it.
    private func local(_ tag: Range<Int>) -> String {
        var start = tag.lowerBound
        for index in tag {
            if isSpace(bytes[index]) { return string(start..<index) }
            if bytes[index] == UInt8(ascii: ":") { start = index + 1 }
        }
        return string(start..<tag.upperBound)
    }

    private func string(_ range: Range<Int>) -> String {
        bytes.withUnsafeBufferPointer {
            String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self)
        }
    }

    private func find(_ byte: UInt8, in range: Range<Int>) -> Int? {
        bytes.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress, !range.isEmpty,
                let found = memchr(start + range.lowerBound, Int32(byte), range.count)
            else { return nil }
            return UnsafeRawPointer(found) - UnsafeRawPointer(start)
        }
    }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
