/// What a kind of store does and where it ends. The defaults are true of every store known to work.
public struct StoreProfile: Sendable {
    /// How the body of a streamed PUT is protected on its way.
    public enum StreamSigning: Sendable {
        /// `UNSIGNED-PAYLOAD`: understood by all.
        case unsigned
        /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: a checksum follows the body. Several stores refuse or ignore it.
        case unsignedTrailer(TrailingChecksum)
        /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`: each 64 KiB is signed, and the checksum too.
        case signedTrailer(TrailingChecksum)
    }

    public enum TrailingChecksum: Sendable {
        case sha256
        case crc32c
        case crc64nvme
    }

    public var streamSigning: StreamSigning = .unsigned
    /// The store enforces `If-None-Match: *`. Old MinIO and rclone ignore it: never rest correctness on it there.
    public var conditionalWritesEnforced = false
    /// The store checks `x-amz-checksum-*`. radosgw 16 ignores it.
    public var checksumsEnforced = false
    /// A part may bear a checksum only when its upload was announced with that kind, as on AWS.
    public var partChecksumsAnnounced = false
    /// Every part but the last is at least this long.
    public var partSizeMinimum: Int64 = 5 << 20
    /// The longest part, and the longest object one PUT can store.
    public var partSizeLimit: Int64 = 5 << 30
    public var partCountLimit = 10_000
    /// 5 TiB, what every store takes.
    public var objectSizeLimit: Int64 = 5 << 40
    /// What AWS takes since 2025-12: 48.8 TiB, rounded down. It is a little less than its 10 000 parts of 5 GiB, for which
    /// no document vouches.
    ///
    /// Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
    public static let awsObjectSizeLimit: Int64 = (488 << 40) / 10

    public init() {}
}
