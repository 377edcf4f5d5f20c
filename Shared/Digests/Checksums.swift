import CChecksums

/// CRC-32 (ISO-HDLC, the one of zlib and ZIP). A plain value: copying it forks the checksum.
public struct CRC32: Hashable, Sendable {
    public private(set) var value: UInt32 = 0

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = checksums_crc32(value, bytes.baseAddress, bytes.count)
    }

    public mutating func update(_ bytes: some Sequence<UInt8>) {
        withBytes(of: bytes) { pointer in update(pointer) }
    }

    /// Base64 of the big-endian value, the form of `x-amz-checksum-crc32`.
    public var base64: String { base64Text(bigEndianBytes(value)) }
}

/// CRC-32C (Castagnoli, RFC 3720, appendix B.4).
public struct CRC32C: Hashable, Sendable {
    public private(set) var value: UInt32 = 0

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = checksums_crc32c(value, bytes.baseAddress, bytes.count)
    }

    public mutating func update(_ bytes: some Sequence<UInt8>) {
        withBytes(of: bytes) { pointer in update(pointer) }
    }

    /// Base64 of the big-endian value, the form of `x-amz-checksum-crc32c`.
    public var base64: String { base64Text(bigEndianBytes(value)) }
}

/// CRC-64/NVME (NVM Express, "64b CRC").
public struct CRC64NVME: Hashable, Sendable {
    public private(set) var value: UInt64 = 0

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = checksums_crc64nvme(value, bytes.baseAddress, bytes.count)
    }

    public mutating func update(_ bytes: some Sequence<UInt8>) {
        withBytes(of: bytes) { pointer in update(pointer) }
    }

    /// Base64 of the big-endian value, the form of `x-amz-checksum-crc64nvme`.
    public var base64: String { base64Text(bigEndianBytes(value)) }
}

private func bigEndianBytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
