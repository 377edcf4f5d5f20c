import Digests

/// What the bytes of a body come to, taken while they pass.
struct ContentDigests: ~Copyable {
    private var md5: MD5Hasher? = MD5Hasher()
    private var sha256: SHA256Hasher?
    private var checksum: RunningChecksum?

    init(needsSHA256: Bool, algorithm: ChecksumAlgorithm?) {
        sha256 = needsSHA256 || algorithm == .sha256 ? SHA256Hasher() : nil
        checksum = algorithm.flatMap { RunningChecksum($0) }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        md5?.update(bytes)
        sha256?.update(bytes)
        checksum?.update(bytes)
    }

    struct Values: Sendable {
        var md5: Digest128
        var sha256: Digest256?
        /// Base64.
        var checksum: String?
    }

    consuming func finish() -> Values {
        let sha256 = sha256.take()?.finalize()
        let md5 = md5.take()?.finalize() ?? Digest128.of([])
        return Values(md5: md5, sha256: sha256, checksum: checksum?.base64 ?? sha256?.base64)
    }
}

/// One of the CRCs, whichever was asked for.
enum RunningChecksum: Sendable {
    case crc32(CRC32), crc32c(CRC32C), crc64nvme(CRC64NVME)

    /// Nil for SHA-256, which has its own hasher.
    init?(_ algorithm: ChecksumAlgorithm) {
        switch algorithm {
        case .crc32: self = .crc32(CRC32())
        case .crc32c: self = .crc32c(CRC32C())
        case .crc64nvme: self = .crc64nvme(CRC64NVME())
        case .sha256: return nil
        }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .crc32(var sum):
            sum.update(bytes)
            self = .crc32(sum)
        case .crc32c(var sum):
            sum.update(bytes)
            self = .crc32c(sum)
        case .crc64nvme(var sum):
            sum.update(bytes)
            self = .crc64nvme(sum)
        }
    }

    var base64: String {
        switch self {
        case .crc32(let sum): sum.base64
        case .crc32c(let sum): sum.base64
        case .crc64nvme(let sum): sum.base64
        }
    }
}
