import Determinism
import Digests
import EventContracts
import PostgresClient

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

extension Upload {
    /// A new one: its file's id, and the key that is never used again.
    ///
    /// - Parameter id: nil makes one.
    init(
        id: UUID? = nil,
        of owner: Owner,
        _ name: FileName,
        _ contentType: ContentType,
        size: Int64?,
        sha256: Digest256?,
        at now: Timestamp,
        from random: some RandomSource
    ) throws(DatabaseError) {
        let objectID = UUID.version7(at: now, from: random)
        guard let key = ObjectKey(tenant: owner.tenant, id: objectID, attempt: 1, createdAt: now) else {
            throw .invalidValue("the tenant cannot be part of an object key")
        }
        self.init(
            id: id ?? UUID.version7(at: now, from: random),
            fileID: UUID.version7(at: now, from: random),
            tenant: owner.tenant,
            owner: owner.name,
            name: name.text,
            contentType: contentType.text,
            declaredSize: size,
            declaredSHA256: sha256,
            objectKey: key
        )
    }
}

/// What went into the store.
struct TransferredObject: Equatable, Sendable {
    /// Bytes.
    let size: Int64
    /// Of bytes this service hashed on their way, or that the client declared; nil when nobody said.
    let sha256: Digest256?
    let etag: String
}
