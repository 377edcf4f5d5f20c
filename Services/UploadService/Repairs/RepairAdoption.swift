import AuditTrail
import Determinism
import EventBinding
import EventContracts
import ObjectStore
import PostgresClient
import SagaEngine
import TransactionalOutbox

/// Objects that become files again.
extension Repairs {
    /// Gives the object a row, never in place of another: AVAILABLE when its bytes are what was stated of them, and in quarantine
    /// otherwise. An upload that was under way when a backup was made becomes the file it had become.
    func adopt(
        _ item: RepairItem,
        _ sight: RepairSight,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        let adoption: Adoption
        switch sight {
        case .adoptable(let object):
            guard item.etag ?? object.facts.etag == object.facts.etag,
                item.size ?? object.facts.size == object.facts.size
            else { return .skip("another object lies there now") }
            do throws(Adoption.Obstacle) { adoption = try Adoption(object) } catch {
                return .skip(error.reason)
            }
        case .unknown(let reason): return .wait(reason)
        case .object: return .skip("the object does not say which file it is")
        case .nothing, .multipart, .genuine, .entry, .read: return .skip("the object is gone")
        }
        if let reason = try await FileStore.conflict(with: adoption.upload, in: tx) { return .skip(reason) }
        let before = try await UploadStore.adoptOpen(adoption.upload, in: tx)
        if before == nil {
            guard try await UploadStore.adopt(adoption.upload, in: tx) else {
                return .skip("a row has the object's key, or the file's id")
            }
        }
        guard let file = try await FileStore.adopt(adoption, in: tx) else {
            // With the row of its upload everything goes back; the next run sees what came between.
            throw DatabaseError.unexpectedResult("the name was taken while the object was being adopted")
        }
        try Outbox.append(file.stateEvent, in: tx)
        for kind in [UploadSaga.kind, CompleteSaga.kind] {
            try await SagaStore.remove(kind: kind, subject: file.uploadID, in: tx)
        }
        return .done(
            "file \(file.id.text), version \(file.version), \(file.state.rawValue)",
            before: before,
            after: try ShadowRow(file).encoded(),
            version: file.version
        )
    }

    /// The row goes again, the object stays: consumers are told that the file is gone for good.
    ///
    /// - Returns: nil when the row stays, as the item's outcome then says.
    func abandonAdoption(
        _ item: StoredRepairItem,
        in tx: borrowing Transaction
    ) async throws -> RepairTakenBack? {
        guard item.shadow == nil else {
            // Completed once more, it would tell a version below those that were told of its file.
            let outcome = "not undone: the upload had a row before, which cannot go on from where it was"
            try await RepairItemStore.settle(item, .done, outcome, in: tx)
            return nil
        }
        guard let version = item.afterVersion, let key = item.item.objectKey,
            let gone = try await FileStore.retire(key: key, version: version, in: tx)
        else {
            try await RepairItemStore.settle(item, .done, "not undone: the file has moved on since", in: tx)
            return nil
        }
        try Outbox.append(gone.stateEvent, in: tx)
        try await FileStore.forget(gone, in: tx)
        try await UploadStore.forget(gone.uploadID, in: tx)
        try await RepairItemStore.settle(item, .undone, "the row is gone, the object stays", in: tx)
        return RepairTakenBack(
            state: .undone,
            before: item.item.found(["version": "\(version)", "file_id": gone.id.text]),
            after: AuditEntry.object(["told_as": gone.stateEvent.type.rawValue, "version": "\(gone.version)"])
        )
    }
}
