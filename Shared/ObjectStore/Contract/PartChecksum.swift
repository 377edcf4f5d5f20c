public import Digests

import struct FoundationEssentials.Data

/// What the bytes of a part, or of a whole object, must come to: the store refuses others. Its length is right by
/// construction, its base64 the only form of its value.
public struct PartChecksum: Hashable, Sendable {
    /// The ways to protect bytes that stores know. `md5` is taken by nearly all, the others where
    /// `StoreProfile.checksumsEnforced`; only the others are kept by the store and listed again.
    public enum Kind: String, CaseIterable, Sendable {
        case sha256
        case crc32c
        case crc64nvme
        case md5
    }

    public let kind: Kind
    /// Padded standard base64 (RFC 4648, section 4).
    public let base64: String

    /// Nil unless the text is exactly the base64 of as many bytes as the kind has: decoders differ over what else they
    /// let pass.
    public init?(_ kind: Kind, base64: String) {
        // The longest has 44 characters: what is far beyond is not even decoded.
        guard base64.utf8.count <= 44, let bytes = Data(base64Encoded: base64), bytes.count == kind.byteCount,
            base64Text(bytes) == base64
        else { return nil }
        self.kind = kind
        self.base64 = base64
    }

    public init(_ digest: Digest256) { (kind, base64) = (.sha256, digest.base64) }

    /// Lower case: `x-amz-checksum-…`, or `content-md5`.
    public var headerName: String { kind.headerName }
}

extension PartChecksum.Kind {
    public var byteCount: Int {
        switch self {
        case .sha256: 32
        case .crc32c: 4
        case .crc64nvme: 8
        case .md5: 16
        }
    }

    public var headerName: String { self == .md5 ? "content-md5" : "x-amz-checksum-\(rawValue)" }

    /// The same for a body that is not known beforehand; nil for MD5, which no store takes behind one.
    var trailing: StoreProfile.TrailingChecksum? {
        switch self {
        case .sha256: .sha256
        case .crc32c: .crc32c
        case .crc64nvme: .crc64nvme
        case .md5: nil
        }
    }

    /// As `x-amz-checksum-algorithm` and, behind `Checksum`, XML call it; nil for MD5, which is none of these.
    var wireName: String? { self == .md5 ? nil : rawValue.uppercased() }
}
