import Determinism
import Digests
import EventBinding
import EventContracts
import ObjectStore
import PostgresClient
import TransactionalOutbox

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import struct FoundationEssentials.UUID

/// Files that an operator lets out of quarantine.
extension Repairs {
    /// Makes a plan that lets files out of quarantine, and stores it. It takes nothing away, so that it may be run while safe mode is on.
    func planReleases(
        of ids: [UUID],
        by actor: String,
        reason: String,
        keyed: KeyedAnswer<NewRepairPlan>? = nil
    ) async throws(RepairFailure) -> RepairPlan {
        var files: [UUID: File] = [:]
        do throws(DatabaseError) {
            for file in try await FileStore.find(ids, on: pool) { files[file.id] = file }
        } catch { throw .database(error) }
        var seen: Set<UUID> = []
        let items = ids.filter { seen.insert($0).inserted }.enumerated().map { place, id in
            RepairItem(releasing: id, files[id], number: place + 1)
        }
        return try await keepUnchecked(RepairPlan.named, items, by: actor, reason, keyed)
    }

    /// Serves the file again, if its object is what was acknowledged: by the digest of its bytes, as they were read just now, and where
    /// nobody ever knew one, by the ETag it was stored with.
    func release(
        _ item: RepairItem,
        _ sight: RepairSight,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        guard let id = item.fileID, let file = try await FileStore.lock(id, in: tx) else {
            return .skip("there is no such file")
        }
        guard file.state == .quarantined, file.version == item.rowVersion else {
            return .skip("the file has moved on: version \(file.version), \(file.state.rawValue)")
        }
        guard item.objectKey == file.objectKey.text else { return .skip("the file has another key") }
        switch sight {
        case .read(let object, let digest):
            if let reason = Self.reasonToKeep(file, object, digest) { return .skip(reason) }
        case .unknown(let reason): return .wait(reason)
        case .nothing, .object, .multipart, .genuine, .adoptable, .entry: return .skip("the object is gone")
        }
        guard let released = try await FileStore.release(file, in: tx) else {
            return .skip("the file has moved on")
        }
        try Outbox.append(released.stateEvent, in: tx)
        return .done(
            "version \(released.version), \(released.state.rawValue)",
            before: try ShadowRow(file).encoded(),
            after: try ShadowRow(released).encoded(),
            version: released.version
        )
    }

    /// Nil when the object is the file's.
    private static func reasonToKeep(_ file: File, _ object: ObjectFacts, _ digest: Digest256) -> String? {
        guard object.size == file.size else { return "the object has another size than the file" }
        if let known = file.knownSHA256 {
            return known == digest ? nil : "the bytes are not those of the file"
        }
        guard !file.etag.isEmpty, object.etag == file.etag else {
            return "nobody knows what the bytes of the file were, and another object lies there now"
        }
        return nil
    }

    /// Into quarantine again, for the reason it was there.
    ///
    /// - Returns: nil when the file has moved on, as the item's outcome then says.
    func takeIn(
        _ item: StoredRepairItem,
        in tx: borrowing Transaction
    ) async throws -> RepairTakenBack? {
        let shadow = item.shadow.flatMap { try? JSONDecoder().decode(ShadowRow.self, from: Data($0.utf8)) }
        guard let id = item.item.fileID, let version = item.afterVersion,
            let file = try await FileStore.lock(id, in: tx),
            let back = try await FileStore.quarantine(
                id,
                version: version,
                reason: shadow?.file.quarantineReason ?? "the release was undone",
                in: tx
            )
        else {
            try await RepairItemStore.settle(item, .done, "not undone: the file has moved on since", in: tx)
            return nil
        }
        try Outbox.append(back.stateEvent, in: tx)
        let outcome = "version \(back.version), \(back.state.rawValue)"
        try await RepairItemStore.settle(item, .undone, outcome, in: tx)
        return RepairTakenBack(
            state: .undone,
            before: try ShadowRow(file).encoded(),
            after: try ShadowRow(back).encoded()
        )
    }
}

extension RepairItem {
    /// - Parameter file: nil when nobody has such a file, as the run then says.
    fileprivate init(releasing id: UUID, _ file: File?, number: Int) {
        self.init(
            number: number,
            findingID: 0,
            kind: .quarantinedFile,
            action: .release,
            subject: id.text,
            tenant: file?.tenant,
            fileID: id,
            uploadID: file?.uploadID,
            objectKey: file?.objectKey.text,
            multipartID: nil,
            rowVersion: file?.version,
            rowState: file?.state.rawValue,
            size: file?.size,
            etag: file?.etag
        )
    }
}
