import struct FoundationEssentials.Data

/// A SHA-256 value: always 32 bytes.
public struct Digest256: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    /// Nil unless there are exactly 32 bytes.
    public init?(bytes: some Sequence<UInt8>) {
        let given = Array(bytes)
        guard given.count == 32 else { return nil }
        self.bytes = given
    }

    /// Nil unless the text is exactly 64 hexadecimal digits, in either case.
    public init?(hex: some StringProtocol) {
        guard let parsed = bytesOfHex(hex.utf8), parsed.count == 32 else { return nil }
        bytes = parsed
    }

    /// Nil unless the text is padded standard base64 (RFC 4648, section 4) of 32 bytes.
    public init?(base64: String) {
        guard let data = Data(base64Encoded: base64), data.count == 32 else { return nil }
        bytes = Array(data)
    }

    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    public static func of(_ bytes: UnsafeRawBufferPointer) -> Digest256 {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finalize()
    }

    public static func of(_ bytes: some Sequence<UInt8>) -> Digest256 {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// Of the text's UTF-8.
    public static func of(_ text: String) -> Digest256 { of(text.utf8) }

    /// 64 lower-case digits.
    public var hex: String { hexText(bytes) }
    /// Padded standard base64, the form of `x-amz-checksum-sha256` and of `Repr-Digest`.
    public var base64: String { base64Text(bytes) }
    public var description: String { hex }
}

/// An MD5 value: always 16 bytes.
public struct Digest128: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    public static func of(_ bytes: UnsafeRawBufferPointer) -> Digest128 {
        var hasher = MD5Hasher()
        hasher.update(bytes)
        return hasher.finalize()
    }

    public static func of(_ bytes: some Sequence<UInt8>) -> Digest128 {
        var hasher = MD5Hasher()
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// 32 lower-case digits, as in an S3 ETag.
    public var hex: String { hexText(bytes) }
    /// Padded standard base64, as in Content-MD5.
    public var base64: String { base64Text(bytes) }
    public var description: String { hex }
}
