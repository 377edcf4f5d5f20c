import Digests
import Glibc

/// An object's key: 1 to 1024 bytes of UTF-8, compared byte by byte.
///
/// Not a `String`: Swift's strings treat canonically equivalent spellings (NFC, NFD) as equal, S3 does not.
struct ObjectKey: Hashable, Comparable, Sendable {
    static let byteLimit = 1024

    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }
    init(_ text: String) { bytes = Array(text.utf8) }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Names the key's file. Keys may be longer than a file name, hold any character, and differ only in case.
    var fileName: String { Digest256.of(bytes).hex }

    static func < (left: ObjectKey, right: ObjectKey) -> Bool { compare(left.bytes, right.bytes) < 0 }

    func hasPrefix(_ prefix: [UInt8]) -> Bool { bytes.starts(with: prefix) }
}

private func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
    let common = min(left.count, right.count)
    let order = left.withUnsafeBytes { leftBytes in
        right.withUnsafeBytes { rightBytes in
            guard let leftStart = leftBytes.baseAddress, let rightStart = rightBytes.baseAddress else {
                return Int32(0)
            }
            return memcmp(leftStart, rightStart, common)
        }
    }
    return order != 0 ? Int(order) : left.count - right.count
}
