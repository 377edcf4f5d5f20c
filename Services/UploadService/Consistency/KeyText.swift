import ObjectStore

/// An object key in the order in which stores list and PostgreSQL's collation "C" sorts: by the bytes of its UTF-8.
///
/// Swift's own order and equality of strings are Unicode's, where two different keys can be equal: merged by them, an object
/// would be taken for another one's.
struct KeyText: Hashable, Comparable, Sendable, CustomStringConvertible {
    let text: String

    init(_ text: String) { self.text = text }

    var description: String { text }

    static func == (left: KeyText, right: KeyText) -> Bool { utf8Order(left.text, right.text) == 0 }
    static func < (left: KeyText, right: KeyText) -> Bool { utf8Order(left.text, right.text) < 0 }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
