import AuditTrail
import Determinism
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceParts

/// To the trash and back.
extension TrashSaga {
    /// - Returns: nil when a newer order about the object has taken over.
    func quarantine(
        _ order: Order,
        _ trashKey: String,
        _ size: Int64,
        _ etag: String
    ) async throws -> Outcome? {
        let key = order.objectKey
        if try await DocumentStore.isNamed(key, on: pool) {
            return .kept("a file of the index rests on the object")
        }
        let entry = try await TrashStore.find(order, on: pool)
        if entry?.state == "TRASHED" { return .trashed }
        guard let facts = try await store.head(key) else {
            return try await isOurRemoval(order, entry) ? .trashed : .kept("the object is gone")
        }
        guard facts.etag == etag, facts.size == size else { return .kept("another object lies there") }
        guard try await isOnlyVersion(key, facts) else {
            return .kept("the key has other versions, which would come to light")
        }
        try await TrashStore.begin(order, trashKey: trashKey, size: size, etag: etag, on: pool)
        try faults.step(.beforeTrashCopied)
        try await mover.copy(key, facts, to: trashKey)
        try faults.step(.afterTrashCopied)
        guard try await TrashStore.noteCopied(order, on: pool) || entry?.state == "REMOVING" else {
            return nil
        }
        return try await removeOriginal(order, trashKey, facts)
    }

    /// Where a store keeps versions, those below would be found under the key once the newest is gone, and an undo would find them
    /// in its way.
    private func isOnlyVersion(_ key: String, _ facts: ObjectFacts) async throws(StoreFailure) -> Bool {
        guard facts.versionID != nil else { return true }
        var marker: VersionPage.Marker?
        repeat {
            let page = try await store.listVersions(prefix: key, after: marker, limit: 1_000)
            let others = page.versions.contains {
                $0.key == key && !$0.isDeleteMarker && $0.versionID != facts.versionID
            }
            guard !others else { return false }
            marker = page.next
        } while marker != nil
        return true
    }

    /// A delete of ours whose answer was lost, or that somebody died behind.
    private func isOurRemoval(_ order: Order, _ entry: TrashStore.Entry?) async throws -> Bool {
        guard let entry, entry.state == "REMOVING",
            try await store.head(entry.trashKey)?.size == entry.size
        else { return false }
        try await bucket.confirm()
        try await TrashStore.noteTrashed(order, on: pool)
        return true
    }

    private func removeOriginal(_ order: Order, _ trashKey: String, _ facts: ObjectFacts) async throws
        -> Outcome?
    {
        let isMine = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
            guard try await TrashStore.noteRemoving(order, in: tx) else { return false }
            let entry = AuditEntry(
                actor: Self.auditActor,
                action: "object.trashed",
                subject: order.objectKey,
                reason: "plan \(order.planID.text): to \(trashKey)",
                before: AuditEntry.object([
                    "object_key": order.objectKey, "size": "\(facts.size)", "etag": facts.etag,
                    "version_id": facts.versionID,
                ]),
                after: AuditEntry.object(["trash_key": trashKey])
            )
            try await AuditTrail.append(entry, in: tx)
            return true
        }
        guard isMine else { return nil }
        // Looked at once more, right before: what came meanwhile stays.
        if try await DocumentStore.isNamed(order.objectKey, on: pool) {
            return .kept("a file of the index rests on the object")
        }
        guard try await caution.epoch(voiding: order.version) == nil else { return .kept(Self.void) }
        try await bucket.confirm()
        guard try await store.head(trashKey)?.size == facts.size else {
            throw StepFailure.transient("the copy in the trash is not there")
        }
        guard let now = try await store.head(order.objectKey) else {
            throw StepFailure.transient("the object went while it was being moved")
        }
        guard now.etag == facts.etag, now.size == facts.size, now.versionID == facts.versionID else {
            return .kept("another object lies there")
        }
        try faults.step(.beforeOriginalDeleted)
        // Exactly the version that was copied, where the store has versions.
        try await store.delete(order.objectKey, versionID: facts.versionID)
        try faults.step(.afterOriginalDeleted)
        if let left = try await store.head(order.objectKey), left.versionID == facts.versionID,
            left.etag == facts.etag
        {
            throw StepFailure.transient("the object is still there after its removal")
        }
        try await TrashStore.noteTrashed(order, on: pool)
        return .trashed
    }

    func restore(_ order: Order, _ trashKey: String, _ size: Int64) async throws -> Outcome? {
        let key = order.objectKey
        guard let entry = try await TrashStore.find(order, on: pool) else {
            // The order to move it was never begun, and never will be: a newer one is known.
            return try await store.head(key) == nil ? .kept("the object never came to the trash") : .restored
        }
        guard entry.trashKey == trashKey else { return .kept("the order names another place in the trash") }
        guard try await TrashStore.noteRestoring(order, on: pool) else {
            return entry.state == "RESTORED" ? .restored : .kept("the trash was emptied")
        }
        try await awaitLateRemoval(entry)
        if let there = try await store.head(key) {
            let isOurs =
                there.size == entry.size
                ? try await isTheOriginal(there, key, entry) : false
            guard isOurs else { return .kept("something else lies there") }
        } else {
            guard let facts = try await store.head(trashKey), facts.size == entry.size else {
                throw StepFailure.transient("the object is neither in the trash nor where it was")
            }
            try await bucket.confirm()
            try await audit(
                "object.restored",
                order,
                "from \(trashKey)",
                before: ["trash_key": trashKey, "size": "\(entry.size)", "etag": entry.etag],
                after: ["object_key": key]
            )
            try faults.step(.beforeTrashReturned)
            try await mover.copy(trashKey, facts, to: key)
            try faults.step(.afterTrashReturned)
        }
        try await TrashStore.noteRestored(order, on: pool)
        return .restored
    }

    private func isTheOriginal(_ there: ObjectFacts, _ key: String, _ entry: TrashStore.Entry) async throws
        -> Bool
    {
        if there.etag == entry.etag { return true }
        return try await mover.isSame(key, there, entry.trashKey)
    }

    /// A delete that was sent and not answered may still come: what is brought back before that would go again.
    private func awaitLateRemoval(_ entry: TrashStore.Entry) async throws(StepFailure) {
        let isSettled = entry.removalCount == 0 || entry.removalCount == 1 && entry.isTrashed
        guard !isSettled, let since = entry.sinceRemoval, since < late else { return }
        throw .waiting(late - since)
    }
}
