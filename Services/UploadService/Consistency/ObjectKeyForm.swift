import EventContracts
import ServiceParts

/// Whose a key in the bucket is.
enum ObjectKeyForm {
    /// Keys under it are Waybill's own, not files: the deployment's marker, the trash.
    static let reserved = ".waybill/"

    static func isReserved(_ key: String) -> Bool { key.utf8.starts(with: reserved.utf8) }
    static func isMarker(_ key: String) -> Bool { key.utf8.starts(with: BucketIdentity.prefix.utf8) }
    static func isOurs(_ key: KeyText) -> Bool { ObjectKey(key.text) != nil }
}
