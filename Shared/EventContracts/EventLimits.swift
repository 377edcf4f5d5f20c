/// Bounds that writer and reader both keep. All in UTF-8 bytes.
public enum EventLimits {
    public static let payloadBytes = 65_536
    public static let ownerBytes = 255
    /// A file name as the user gave it.
    public static let nameBytes = 1_024
    public static let contentTypeBytes = 255
    public static let etagBytes = 1_024
    public static let s3UploadIDBytes = 1_024
    public static let reasonBytes = 1_024
    public static let textKindBytes = 32
}
