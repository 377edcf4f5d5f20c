import Glibc

/// Two object keys by the bytes of their UTF-8: the order in which stores list and PostgreSQL's collation "C" sorts. Swift's own is
/// Unicode's, where two different keys can be equal.
///
/// - Returns: below, at or above zero, as `memcmp` has it: a key comes before every longer one that begins with it.
package func utf8Order(_ left: String, _ right: String) -> Int {
    // Lent, where `withUTF8` would want copies of its own. Swift's own strings always have it.
    let order = left.utf8.withContiguousStorageIfAvailable { left in
        right.utf8.withContiguousStorageIfAvailable { right in bytesOrder(left, right) }
    }
    if case .some(.some(let order)) = order { return order }
    return Array(left.utf8).withUnsafeBufferPointer { left in
        Array(right.utf8).withUnsafeBufferPointer { right in bytesOrder(left, right) }
    }
}

private func bytesOrder(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
    let shorter = min(left.count, right.count)
    guard shorter > 0, let leftStart = left.baseAddress, let rightStart = right.baseAddress else {
        return left.count - right.count
    }
    let order = Int(memcmp(leftStart, rightStart, shorter))
    return order == 0 ? left.count - right.count : order
}
