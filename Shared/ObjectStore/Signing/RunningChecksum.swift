import Digests

/// The checksum that follows a streamed body.
struct RunningChecksum {
    let kind: StoreProfile.TrailingChecksum
    private var crc32c = CRC32C()
    private var crc64nvme = CRC64NVME()
    private var sha256: SHA256Box?

    init(_ kind: StoreProfile.TrailingChecksum) {
        self.kind = kind
        if case .sha256 = kind { sha256 = SHA256Box() }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch kind {
        case .sha256: sha256?.hasher.update(bytes)
        case .crc32c: crc32c.update(bytes)
        case .crc64nvme: crc64nvme.update(bytes)
        }
    }

    /// To be read once, at the end.
    var base64: String {
        switch kind {
        case .sha256: sha256?.finish() ?? ""
        case .crc32c: crc32c.base64
        case .crc64nvme: crc64nvme.base64
        }
    }
}

/// A hasher is not copyable and an encoder is; the box is only ever reached by the task that encodes.
private final class SHA256Box {
    var hasher = SHA256Hasher()

    func finish() -> String {
        var finished = SHA256Hasher()
        swap(&finished, &hasher)
        return finished.finalize().base64
    }
}
