/// Bounds that writer and reader both keep. All in UTF-8 bytes.
public enum EventLimits {
    public static let payloadBytes = 65_536
    public static let ownerBytes = 255
    /// A file name after normalisation to NFC, which can make the 1 024 bytes a user may send three times as long
    /// (Unicode Standard Annex 15): the event of a file that was accepted must not be refused.
    public static let nameBytes = 3_072
    public static let contentTypeBytes = 255
    public static let etagBytes = 1_024
    public static let s3UploadIDBytes = 1_024
    public static let reasonBytes = 1_024
    public static let textKindBytes = 32
}
