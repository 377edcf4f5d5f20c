import Glibc

/// Two object keys by the bytes of their UTF-8: the order in which stores list and PostgreSQL's collation "C" sorts. Swift's own is
/// Unicode's, where two different keys can be equal.
///
/// - Returns: below, at or above zero, as `memcmp` has it: a key comes before every longer one that begins with it.
package func utf8Order(_ left: String, _ right: String) -> Int {
    var (left, right) = (left, right)
    return left.withUTF8 { left in
        right.withUTF8 { right in
            let shorter = min(left.count, right.count)
            guard shorter > 0, let leftStart = left.baseAddress, let rightStart = right.baseAddress else {
                return left.count - right.count
            }
            let order = Int(memcmp(leftStart, rightStart, shorter))
            return order == 0 ? left.count - right.count : order
        }
    }
}
