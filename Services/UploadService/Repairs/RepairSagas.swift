import AuditTrail
import EventContracts
import PostgresClient
import SagaEngine

import struct FoundationEssentials.UUID

/// Work that is still owed and that nobody does: a saga that sleeps is made due, one that is lost begins again.
extension Repairs {
    /// The removal saga's own question, asked now: it appends the order again, byte for byte the same.
    func discardAgain(
        _ item: RepairItem,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        guard let key = item.objectKey else { return .skip("the finding names no key") }
        let found = try await RepairSourceStore.standing(of: key, in: tx)
        guard found.standing == .doomed, let upload = found.uploadID else {
            return .skip("no doomed upload has the key")
        }
        if try await SagaStore.wake(kind: ReapSaga.kind, subject: upload, in: tx) {
            return Self.due("the removal is asked for again", item, [ReapSaga.kind], wasLost: false)
        }
        guard try await reapAnew(upload, in: tx) else { return .skip("no doomed upload has the key") }
        return Self.due(Self.begunAnew(ReapSaga.kind), item, [ReapSaga.kind], wasLost: true)
    }

    /// One saga or another has brought the row where it is; those of them that are there are woken, and if there is none the one that
    /// the row's state calls for begins again.
    func wake(_ item: RepairItem, in tx: borrowing Transaction) async throws -> RepairVerdict {
        var woken: [String] = []
        for kind in [UploadSaga.kind, CompleteSaga.kind, ReapSaga.kind] {
            guard let upload = item.uploadID else { break }
            if try await SagaStore.wake(kind: kind, subject: upload, in: tx) { woken.append(kind) }
        }
        if let file = item.fileID, try await SagaStore.wake(kind: DeleteSaga.kind, subject: file, in: tx) {
            woken.append(DeleteSaga.kind)
        }
        if !woken.isEmpty { return Self.due("its saga is due now", item, woken, wasLost: false) }
        guard let kind = try await beginAnew(item, in: tx) else {
            return .skip("nothing is owed, or what is owed has no saga")
        }
        return Self.due(Self.begunAnew(kind), item, [kind], wasLost: true)
    }

    private static func due(
        _ outcome: String,
        _ item: RepairItem,
        _ sagas: [String],
        wasLost: Bool
    ) -> RepairVerdict {
        let kinds = sagas.joined(separator: " ")
        return .done(
            outcome,
            before: item.found(["sagas": kinds, "sagas_were": wasLost ? "lost" : "waiting"]),
            after: AuditEntry.object(["sagas": kinds, "sagas_are": "due"]),
            version: nil
        )
    }

    private static func begunAnew(_ kind: String) -> String { "its saga, \(kind), was lost and begins again" }

    /// - Returns: the kind of the saga that was lost; nil when the row is in no state that has one.
    private func beginAnew(_ item: RepairItem, in tx: borrowing Transaction) async throws -> String? {
        if let id = item.fileID, let file = try await FileStore.lock(id, in: tx) {
            return try await removeAnew(file, in: tx) ? DeleteSaga.kind : nil
        }
        guard let id = item.uploadID, let upload = try await UploadStore.stored(id, in: tx) else {
            return nil
        }
        if upload.state.isDoomed { return try await reapAnew(id, in: tx) ? ReapSaga.kind : nil }
        // What is PENDING or ACTIVE has a deadline, and whoever sees it pass begins the next saga.
        guard upload.state == .completing else { return nil }
        let saga = NewSaga(
            id: id,
            kind: CompleteSaga.kind,
            subject: id,
            context: try upload.stored.encoded()
        )
        try SagaStore.insert([saga], in: tx)
        return CompleteSaga.kind
    }

    /// - Returns: false when the file is neither in the trash nor on its way out.
    private func removeAnew(_ file: File, in tx: borrowing Transaction) async throws -> Bool {
        switch file.state {
        case .deleted:
            try SagaStore.insert([DeleteSaga.new(for: file)], wakeAt: file.deleteAfter, in: tx)
        case .purging:
            // Behind the pivot.
            let log = [SagaEntry.started(0), .succeeded(0)]
            try SagaStore.insert([DeleteSaga.new(for: file)], log: log, in: tx)
        case .available, .quarantined, .purged: return false
        }
        return true
    }

    /// - Returns: false when the upload is not doomed.
    private func reapAnew(_ id: UUID, in tx: borrowing Transaction) async throws -> Bool {
        guard let upload = try await UploadStore.stored(id, in: tx),
            let discard = try await UploadStore.discard(of: id, in: tx)
        else { return false }
        try await reaping.begin(upload.stored, discard, in: tx)
        return true
    }

    /// Quotas change with every upload: what is added up is what the triggers go on from.
    func recount(_ item: RepairItem, in tx: borrowing Transaction) async throws -> RepairVerdict {
        let tenant = item.subject
        guard let before = try await QuotaStore.hold(tenant, in: tx),
            let after = try await QuotaStore.recount(tenant, in: tx)
        else { return .skip("the tenant has no quota any more") }
        guard before.usedBytes != after.usedBytes else { return .skip("the count was right") }
        return .done(
            "charged for \(before.usedBytes) bytes before, \(after.usedBytes) now",
            before: #"{"used_bytes":\#(before.usedBytes)}"#,
            after: #"{"used_bytes":\#(after.usedBytes)}"#,
            version: nil
        )
    }
}
