import Determinism
import Digests
import ObjectStore

import struct FoundationEssentials.UUID

/// An upload whose bytes come in many requests, or go straight to the store, as its row says.
struct UploadSession: Sendable {
    let upload: Upload
    let plan: PartPlan
    /// What every part is protected by, where the client asked for it.
    let checksum: PartChecksum.Kind?
    let state: UploadState
    /// The store's id of the multipart upload; nil until it was opened.
    let multipartID: String?
    /// How often the store was asked, or was about to be asked, to open one.
    let openCount: Int
    let failureReason: String?
    /// What went wrong while the parts were put together, oldest first.
    let attempts: [String]
    let expiresAt: Timestamp
    let createdAt: Timestamp
    let updatedAt: Timestamp

    var owner: Owner { Owner(tenant: upload.tenant, name: upload.owner) }
    /// Whether parts may still come.
    var isOpen: Bool { state == .pending || state == .active }
}

/// What a client asks for when it opens a session.
struct NewSession: Sendable {
    /// Nil lets the service choose.
    let id: UUID?
    let name: FileName
    let contentType: ContentType
    let size: Int64
    let sha256: Digest256?
    /// Bytes; nil lets the service choose.
    let partSize: Int64?
    /// Not MD5, which needs no announcement.
    let checksum: PartChecksum.Kind?
}
