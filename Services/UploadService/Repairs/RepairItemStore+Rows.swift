import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

extension RepairItemStore {
    /// Reads the columns every statement selects, in their order.
    static func item(_ row: Row) throws(DatabaseError) -> StoredRepairItem {
        guard let state = StoredRepairItem.State(rawValue: try row.text(15)) else {
            throw .unexpectedResult("a row of repair_items has a state this program does not know")
        }
        return StoredRepairItem(
            planID: try row.uuid(0),
            item: try preconditions(row),
            state: state,
            outcome: try row.optionalText(16),
            afterVersion: try row.optionalInt64(17),
            shadow: try row.optionalText(18),
            order: try order(row)
        )
    }

    private static func preconditions(_ row: Row) throws(DatabaseError) -> RepairItem {
        guard let kind = RepairKind(rawValue: try row.text(3)),
            let action = RepairAction(rawValue: try row.text(4))
        else { throw .unexpectedResult("a row of repair_items has a value this program does not know") }
        return RepairItem(
            number: try row.int(1),
            findingID: try row.int64(2),
            kind: kind,
            action: action,
            subject: try row.text(5),
            tenant: try row.optionalText(6),
            fileID: try row.optionalUUID(7),
            uploadID: try row.optionalUUID(8),
            objectKey: try row.optionalText(9),
            multipartID: try row.optionalText(10),
            rowVersion: try row.optionalInt64(11),
            rowState: try row.optionalText(12),
            size: try row.optionalInt64(13),
            etag: try row.optionalText(14)
        )
    }

    private static func order(_ row: Row) throws(DatabaseError) -> StoredRepairItem.Order? {
        guard let id = try row.optionalUUID(19), let version = try row.optionalInt64(20),
            let at = try row.optionalTimestamp(21)
        else { return nil }
        return StoredRepairItem.Order(id: id, version: version, at: at, trashKey: try row.optionalText(22))
    }
}
