import Determinism
import Digests

import struct FoundationEssentials.UUID

/// What a person confirms: SHA-256 over everything a plan would do, in an encoding in which no two plans are alike.
enum PlanHash {
    static func of(
        _ id: UUID,
        check: UUID,
        scope: RepairScope,
        reason: String,
        incarnation: String,
        checkedCount: Int64,
        _ items: [RepairItem]
    ) -> Digest256 {
        var hasher = SHA256Hasher()
        let head = [
            "waybill-repair-plan/1", id.text, check.text, scope.rawValue, reason, incarnation,
            String(checkedCount),
        ]
        for text in head { hasher.add(text) }
        for item in items {
            for field in item.fields { hasher.add(field) }
        }
        return hasher.finalize()
    }
}

extension SHA256Hasher {
    /// With its length before it, so that nothing can move from one field into the next; `-` for one that is not there.
    fileprivate mutating func add(_ text: String?) {
        guard let text else { return update("-;".utf8) }
        update("\(text.utf8.count):".utf8)
        update(text.utf8)
        update(";".utf8)
    }
}

extension RepairItem {
    fileprivate var fields: [String?] {
        [
            String(number), String(findingID), kind.rawValue, action.rawValue, subject, tenant, fileID?.text,
            uploadID?.text, objectKey, multipartID, rowVersion.map { String($0) }, rowState,
            size.map { String($0) }, etag,
        ]
    }
}
