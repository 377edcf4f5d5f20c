import AuditTrail
import Determinism
import EventBinding
import EventContracts
import ObjectStore
import PostgresClient
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// Whether what an item was planned for still holds, asked with its rows locked.
extension Repairs {
    func verdict(
        _ item: StoredRepairItem,
        _ sight: RepairSight,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        switch item.item.action {
        case .quarantine: return try await quarantineVerdict(item, sight, in: tx)
        case .abort: return try await abortVerdict(item.item, sight, in: tx)
        case .adopt: return try await adopt(item.item, sight, in: tx)
        case .discardAgain: return try await discardAgain(item.item, in: tx)
        case .markLost, .remove: return try await loss(item.item, sight, in: tx)
        case .wake: return try await wake(item.item, in: tx)
        case .republish: return try await republish(item.item, in: tx)
        case .reindex: return try await reindex(item.item, sight, in: tx)
        case .tombstone: return try await tombstone(item.item, sight, in: tx)
        case .release: return try await release(item.item, sight, in: tx)
        case .recount: return try await recount(item.item, in: tx)
        case .leave: return .skip("left as it is")
        }
    }

    private func quarantineVerdict(
        _ item: StoredRepairItem,
        _ sight: RepairSight,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        let facts = item.item
        guard let key = facts.objectKey, let etag = facts.etag, let size = facts.size, ObjectKey(key) != nil
        else {
            return .skip("not a key of ours")
        }
        guard case .object(let object) = sight else { return .skip("the object is gone") }
        guard object.etag == etag, object.size == size else { return .skip("another object lies there now") }
        switch try await RepairSourceStore.standing(of: key, in: tx).standing {
        case .none, .over: break
        case .open, .live: return .skip("a row has the key")
        case .doomed, .purging: return .skip("the object is being removed")
        }
        if try await RepairItemStore.isOrdered(key, besides: item.planID, in: tx) {
            return .wait("an order of another plan about the object is open")
        }
        guard let seen = try await RepairSourceStore.sightings(of: key, etag: etag, size: size, in: tx) else {
            return .wait("no check has recorded that the object was seen")
        }
        guard seen.count >= 2, seen.span >= quarantineAge else {
            return .wait("seen \(seen.count) times over \(seen.span.components.seconds) s without a row")
        }
        // The store's clock has a say too: were the database's ahead, what came just now would look old.
        guard let written = object.lastModified else {
            return .skip("the store does not tell the object's age")
        }
        guard time.now.duration(since: written) >= objectAge else {
            return .wait("the object is younger than \(objectAge.components.seconds) s")
        }
        return .order
    }

    private func abortVerdict(
        _ item: RepairItem,
        _ sight: RepairSight,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        guard let key = item.objectKey, ObjectKey(key) != nil, let id = item.multipartID else {
            return .skip("not a key of ours")
        }
        guard case .multipart(let begun) = sight else { return .skip("the multipart upload is gone") }
        if try await RepairSourceStore.isOpenMultipart(id, in: tx) { return .skip("an upload is using it") }
        switch try await RepairSourceStore.standing(of: key, in: tx).standing {
        case .open: return .skip("the upload of the key is under way")
        case .doomed, .purging: return .skip("the upload is being removed")
        case .live, .over: return .order
        case .none:
            guard let begun else { return .skip("the store does not tell the upload's age") }
            guard time.now.duration(since: begun) >= objectAge else {
                return .wait("the upload is younger than \(objectAge.components.seconds) s")
            }
            return .order
        }
    }

    /// The newest version's event, byte for byte as it was: if it is still the version that was missed, and still missed.
    private func republish(_ item: RepairItem, in tx: borrowing Transaction) async throws -> RepairVerdict {
        guard let id = item.fileID, let file = try await FileStore.lock(id, in: tx) else {
            return .skip("there is no such file")
        }
        guard file.version == item.rowVersion else {
            return .skip("the file has moved on: version \(file.version)")
        }
        let gap = PublicationGap(
            fileID: id,
            tenant: file.tenant,
            version: file.version,
            publishedVersion: 0
        )
        guard try await !FileStore.lock(unpublished: [gap], in: tx).isEmpty else {
            return .skip("the version is on the topic")
        }
        try Outbox.append(file.stateEvent, in: tx)
        // On its way again: no check takes it for missed before the relay has passed it.
        try await PublicationStore.touch([id], in: tx)
        return .done(
            "version \(file.version) is told again",
            before: item.found(),
            after: AuditEntry.object(["event": file.stateEvent.type.rawValue, "version": "\(file.version)"]),
            version: nil
        )
    }
}
