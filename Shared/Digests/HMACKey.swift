/// HMAC-SHA-256 (RFC 2104) by one key, many times: what depends on the key alone is computed once.
public struct HMACKey: Sendable {
    private static let blockSize = 64

    private let inner: [UInt8]
    private let outer: [UInt8]

    /// An empty key is legal.
    public init(_ key: some Sequence<UInt8>) {
        var block = Array(key)
        if block.count > Self.blockSize { block = Digest256.of(block).bytes }
        block += [UInt8](repeating: 0, count: Self.blockSize - block.count)
        inner = block.map { $0 ^ 0x36 }
        outer = block.map { $0 ^ 0x5C }
    }

    /// 32 bytes.
    public func authenticate(_ message: [UInt8]) -> [UInt8] {
        digest(outer, digest(inner, message))
    }

    private func digest(_ pad: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        var context = DigestContext(.sha256)
        pad.withUnsafeBytes { context.update($0) }
        bytes.withUnsafeBytes { context.update($0) }
        return context.finish()
    }
}
