import Determinism
import Digests

/// A plan as operators see it.
struct RepairDocument: Encodable, Sendable {
    let id: String
    /// Absent of a plan that the survey of safe mode proposed.
    let checkID: String?
    let scope: String
    let reason: String
    let createdBy: String
    let state: String
    let stopReason: String?
    let itemCount: Int64
    let harmCount: Int64
    let byteCount: Int64
    let checkedCount: Int64
    let itemLimit: Int64
    let needsConfirmation: Bool
    let hash: String
    let incarnation: String
    let startedBy: String?
    let createdAt: String
    let finishedAt: String?
    /// Items by state; nil in lists.
    let counts: [String: Int64]?
    /// The first 1 000; nil where they were not asked for.
    let items: [RepairItemDocument]?

    init(_ plan: RepairPlan, counts: [String: Int64]? = nil, items: [RepairItemDocument]? = nil) {
        id = plan.id.text
        checkID = plan.hasCheck ? plan.checkID.text : nil
        scope = plan.scope.rawValue
        reason = plan.reason
        createdBy = plan.createdBy
        state = plan.state.rawValue
        stopReason = plan.stopReason
        itemCount = plan.itemCount
        harmCount = plan.harmCount
        byteCount = plan.byteCount
        checkedCount = plan.checkedCount
        itemLimit = plan.harmLimit
        needsConfirmation = plan.needsConfirmation
        hash = plan.hash.hex
        incarnation = plan.incarnation
        startedBy = plan.startedBy
        createdAt = plan.createdAt.rfc3339
        finishedAt = plan.finishedAt?.rfc3339
        self.counts = counts
        self.items = items
    }

    enum CodingKeys: String, CodingKey {
        case id, scope, reason, state, hash, incarnation, counts, items
        case checkID = "check_id"
        case createdBy = "created_by"
        case stopReason = "stop_reason"
        case itemCount = "item_count"
        case harmCount = "harmful_items"
        case byteCount = "harmful_bytes"
        case checkedCount = "checked_objects"
        case itemLimit = "unconfirmed_limit"
        case needsConfirmation = "needs_confirmation"
        case startedBy = "started_by"
        case createdAt = "created_at"
        case finishedAt = "finished_at"
    }
}

/// One item of a plan.
struct RepairItemDocument: Encodable, Sendable {
    let number: Int
    let findingID: Int64
    let kind: String
    let action: String
    let subject: String
    let state: String
    let outcome: String?
    let objectKey: String?
    let fileID: String?
    let uploadID: String?
    let multipartID: String?
    let rowVersion: Int64?
    let size: Int64?
    let etag: String?
    let trashKey: String?

    init(_ stored: StoredRepairItem) {
        let item = stored.item
        number = item.number
        findingID = item.findingID
        kind = item.kind.rawValue
        action = item.action.rawValue
        subject = item.subject
        state = stored.state.rawValue
        outcome = stored.outcome
        objectKey = item.objectKey
        fileID = item.fileID?.text
        uploadID = item.uploadID?.text
        multipartID = item.multipartID
        rowVersion = item.rowVersion
        size = item.size
        etag = item.etag
        trashKey = stored.order?.trashKey
    }

    enum CodingKeys: String, CodingKey {
        case number, kind, action, subject, state, outcome, size, etag
        case findingID = "finding_id"
        case objectKey = "object_key"
        case fileID = "file_id"
        case uploadID = "upload_id"
        case multipartID = "multipart_id"
        case rowVersion = "row_version"
        case trashKey = "trash_key"
    }
}

struct RepairListDocument: Encodable, Sendable {
    let repairs: [RepairDocument]
    /// Absent on the last page.
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case repairs
        case nextCursor = "next_cursor"
    }
}

struct RepairItemsDocument: Encodable, Sendable {
    let items: [RepairItemDocument]
    /// The number to go on after; absent on the last page.
    let nextAfter: Int?

    enum CodingKeys: String, CodingKey {
        case items
        case nextAfter = "next_after"
    }
}
