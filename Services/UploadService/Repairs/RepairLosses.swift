import Digests
import EventBinding
import EventContracts
import ObjectStore
import PostgresClient
import SagaEngine
import SortedJSON
import TransactionalOutbox

/// A row as it was before a repair, kept with the item.
struct ShadowRow: Codable, Sendable {
    let file: FileDocument
    let objectKey: String
    let owner: String
    let tenant: String

    init(_ file: File) {
        self.file = FileDocument(file)
        objectKey = file.objectKey.text
        owner = file.owner
        tenant = file.tenant
    }

    func encoded() throws -> String { try SortedJSON.text(of: self) }
}

/// Files whose bytes are not there, or not theirs.
extension Repairs {
    func loss(
        _ item: RepairItem,
        _ sight: RepairSight,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        guard let id = item.fileID, let file = try await FileStore.lock(id, in: tx) else {
            return .skip("there is no such file")
        }
        guard file.state == .available, file.version == item.rowVersion else {
            return .skip("the file has moved on: version \(file.version), \(file.state.rawValue)")
        }
        guard item.objectKey == file.objectKey.text else { return .skip("the file has another key") }
        if let reason = Self.reasonToSpare(file, item, sight) { return .skip(reason) }
        let before = try ShadowRow(file).encoded()
        let changed: File?
        if item.action == .remove {
            changed = try await FileStore.delete(file, retention: retention, in: tx)
        } else {
            changed = try await FileStore.quarantine(
                id,
                version: file.version,
                reason: item.kind.quarantineReason,
                in: tx
            )
        }
        guard let changed else { return .skip("the file has moved on") }
        try Outbox.append(changed.stateEvent, in: tx)
        if item.action == .remove {
            try SagaStore.insert([DeleteSaga.new(for: changed)], wakeAt: changed.deleteAfter, in: tx)
        }
        return .done(
            "version \(changed.version), \(changed.state.rawValue)",
            before: before,
            after: try ShadowRow(changed).encoded(),
            version: changed.version
        )
    }

    /// Nil when what was found is still so.
    private static func reasonToSpare(_ file: File, _ item: RepairItem, _ sight: RepairSight) -> String? {
        switch (item.kind, sight) {
        case (.missingObject, .nothing): return nil
        case (.missingObject, _): return "the object is there"
        case (_, .nothing): return "the object is gone: check again"
        case (.sizeMismatch, .object(let object)):
            return object.size == file.size ? "the object has its size again" : nil
        case (.digestMismatch, .object(let object)):
            return object.etag == item.etag ? nil : "another object lies there now"
        case (.digestMismatch, .genuine): return "the bytes are what they were"
        default: return "nothing that is lost"
        }
    }
}

extension RepairKind {
    /// In the words of `file.rejected`, which says the same of what the indexer finds. Rows of before keep the one they were told with.
    fileprivate var quarantineReason: String {
        switch self {
        case .missingObject: RejectedFile.Reason.objectMissing.rawValue
        case .sizeMismatch: RejectedFile.Reason.sizeMismatch.rawValue
        case .digestMismatch: RejectedFile.Reason.digestMismatch.rawValue
        default: rawValue
        }
    }
}
