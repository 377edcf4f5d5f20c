import AuditTrail
import Determinism
import Digests

/// What the audit trail is told of repairs beside who, what and why: JSON of what was, and of what is from then on.
extension RepairItem {
    /// What the check has found, which is also what must hold when something is done about it.
    var facts: [String: String?] {
        [
            "kind": kind.rawValue,
            "tenant": tenant,
            "file_id": fileID?.text,
            "upload_id": uploadID?.text,
            "object_key": objectKey,
            "multipart_id": multipartID,
            "row_version": rowVersion.map { "\($0)" },
            "row_state": rowState,
            "size": size.map { "\($0)" },
            "etag": etag,
        ]
    }

    /// - Parameter more: what is known besides.
    func found(_ more: [String: String?] = [:]) -> String {
        AuditEntry.object(facts.merging(more) { _, new in new })
    }
}

extension StoredRepairItem.Order {
    var record: String {
        AuditEntry.object([
            "order_id": id.text, "order_version": "\(version)", "trash_key": trashKey,
        ])
    }
}

extension RepairPlan {
    /// For the record that the plan was made: with the hash nobody can put another one in its place.
    var record: String {
        AuditEntry.object([
            "check_id": hasCheck ? checkID.text : nil,
            "scope": scope.rawValue,
            "items": "\(itemCount)",
            "harmful_items": "\(harmCount)",
            "harmful_bytes": "\(byteCount)",
            "incarnation": incarnation,
            "hash": hash.hex,
        ])
    }
}

/// What became of an item that was taken back, with what was and what is now; JSON for the audit trail.
struct RepairTakenBack: Sendable {
    let state: StoredRepairItem.State
    let before: String
    let after: String
}
