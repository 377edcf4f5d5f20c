import struct FoundationEssentials.UUID

/// The ways in which rows, objects, events and index can disagree. Raw values are stored and reported; a CHECK constraint
/// holds the same list.
enum FindingKind: String, CaseIterable, Codable, Sendable {
    /// An object without a row, or of one whose bytes are proven gone.
    case orphanObject = "orphan_object"
    /// A file that readers can see, or restore, without its object.
    case missingObject = "missing_object"
    case sizeMismatch = "size_mismatch"
    /// The object's bytes, or its ETag where nobody knows their digest, are not those that were stored.
    case digestMismatch = "digest_mismatch"
    /// A multipart upload in the store which no open upload will ever complete.
    case leakedMultipart = "leaked_multipart"
    /// A row that should have moved on long ago and that nobody works on, or a completed upload without its file.
    case stuckState = "stuck_state"
    /// A version whose event was never published.
    case eventGap = "event_gap"
    case indexMissing = "index_missing"
    case indexStale = "index_stale"
    /// The index knows a file that does not exist.
    case indexGhost = "index_ghost"
    case quotaDrift = "quota_drift"
}

/// An inconsistency that was seen twice, with a pause between, and did not change. What it holds beside kind and subject
/// are the preconditions of a repair.
struct Finding: Equatable, Sendable {
    let kind: FindingKind
    /// An object key, or the id of a file, an upload or a multipart upload.
    let subject: String
    let detail: String
    var tenant: String?
    var fileID: UUID?
    var uploadID: UUID?
    var objectKey: String?
    var multipartID: String?
    var rowVersion: Int64?
    var rowState: String?
    var size: Int64?
    var etag: String?
}

extension Finding {
    /// Of an object key.
    init(_ kind: FindingKind, key: KeyText, row: RowFacts?, object: ObjectState?, _ detail: String) {
        self.init(kind: kind, subject: key.storable, detail: detail)
        tenant = row?.names?.tenant
        fileID = row?.names?.fileID
        uploadID = row?.uploadID
        objectKey = key.storable
        rowVersion = row?.file?.version
        rowState = row.map { $0.file?.state.rawValue ?? $0.uploadState.rawValue }
        size = object?.size ?? row?.file?.size
        etag = object?.etag ?? row?.file?.etag
    }
}

extension KeyText {
    /// As PostgreSQL can hold it, which knows no NUL. No key of ours has one.
    var storable: String { isStorable ? text : text.replacing("\0", with: "%00") }
    var isStorable: Bool { !text.utf8.contains(0) }
    /// The bound that says the same of rows, whose keys have no NUL: they are behind this key, or not, as they are behind what comes before the NUL.
    var bound: KeyText { isStorable ? self : KeyText(String(text.prefix { $0 != "\0" })) }
}
