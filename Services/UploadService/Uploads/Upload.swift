import Determinism
import Digests
import EventContracts

import struct FoundationEssentials.UUID

/// One attempt to bring a file in.
struct Upload: Sendable {
    let id: UUID
    let fileID: UUID
    let tenant: String
    let owner: String
    /// As the user wrote it, in Unicode normalization form C once it is stored.
    let name: String
    let contentType: String
    /// Bytes, when the client said how many there will be.
    let declaredSize: Int64?
    let declaredSHA256: Digest256?
    let objectKey: ObjectKey
}

/// What went into the store.
struct TransferredObject: Equatable, Sendable {
    /// Bytes.
    let size: Int64
    /// Of bytes this service hashed on their way, or that the client declared; nil when nobody said.
    let sha256: Digest256?
    let etag: String
}
