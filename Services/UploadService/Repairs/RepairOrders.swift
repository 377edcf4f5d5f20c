import Determinism
import Digests
import EventContracts

import struct FoundationEssentials.UUID
import typealias FoundationEssentials.uuid_t

extension StoredRepairItem {
    /// Who orders; there is no owner to name.
    static let orderOwner = "waybill-repair"

    /// The id of all orders about what the item is about, so that they stay in order: made from the object's key, and the
    /// multipart upload's id where it is about one (RFC 9562, version 8).
    var orderID: UUID? {
        guard let key = item.objectKey else { return nil }
        let name = item.action == .abort ? "multipart\n\(key)\n\(item.multipartID ?? "")" : "object\n\(key)"
        var bytes = Digest256.of("waybill-repair\n\(name)").bytes
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    /// What the cleanup consumer is told: a function of the row alone, so that it is the same however often it is told.
    ///
    /// - Parameter isUndo: whether the object is to come back.
    func orderEvent(_ order: Order, isUndo: Bool) -> FileEvent? {
        guard let tenant = item.tenant, let key = item.objectKey, let detail = detail(order, key, isUndo)
        else {
            return nil
        }
        return FileEvent(
            fileID: order.id,
            version: order.version,
            tenant: tenant,
            owner: Self.orderOwner,
            occurredAt: order.at,
            detail: detail
        )
    }

    private func detail(_ order: Order, _ key: String, _ isUndo: Bool) -> FileEvent.Detail? {
        switch item.action {
        case .quarantine:
            guard let size = item.size, let etag = item.etag, let trashKey = order.trashKey else {
                return nil
            }
            guard isUndo else {
                return .objectQuarantined(
                    QuarantinedObject(
                        planID: planID,
                        objectKey: key,
                        trashKey: trashKey,
                        size: size,
                        etag: etag,
                        reason: "no row has the key"
                    )
                )
            }
            return .objectUnquarantined(
                UnquarantinedObject(
                    planID: planID,
                    objectKey: key,
                    trashKey: trashKey,
                    size: size,
                    reason: "the plan is undone"
                )
            )
        case .abort:
            guard let id = item.multipartID, !isUndo else { return nil }
            return .multipartLeaked(LeakedMultipart(planID: planID, objectKey: key, s3UploadID: id))
        case .adopt, .discardAgain, .markLost, .remove, .wake, .republish, .reindex, .tombstone, .recount,
            .release,
            .leave:
            return nil
        }
    }
}
