import Glibc

/// An object key in the order in which stores list and PostgreSQL's collation "C" sorts: by the bytes of its UTF-8.
///
/// Swift's own order and equality of strings are Unicode's, where two different keys can be equal: merged by them, an object
/// would be taken for another one's.
struct KeyText: Hashable, Comparable, Sendable, CustomStringConvertible {
    let text: String

    init(_ text: String) { self.text = text }

    var description: String { text }

    static func == (left: KeyText, right: KeyText) -> Bool { order(left, right) == 0 }
    static func < (left: KeyText, right: KeyText) -> Bool { order(left, right) < 0 }

    func hash(into hasher: inout Hasher) {
        withBytes(of: text) { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Below, at or above zero, as `memcmp` has it: a key comes before every longer one that begins with it.
    private static func order(_ left: KeyText, _ right: KeyText) -> Int {
        withBytes(of: left.text) { left in
            withBytes(of: right.text) { right in
                let shorter = min(left.count, right.count)
                guard shorter > 0, let leftStart = left.baseAddress, let rightStart = right.baseAddress else {
                    return left.count - right.count
                }
                let order = Int(memcmp(leftStart, rightStart, shorter))
                return order == 0 ? left.count - right.count : order
            }
        }
    }
}

/// The UTF-8 of a string, where possible without a copy.
private func withBytes<Value>(of text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
    if let value = text.utf8.withContiguousStorageIfAvailable(body) { return value }
    return Array(text.utf8).withUnsafeBufferPointer(body)
}
