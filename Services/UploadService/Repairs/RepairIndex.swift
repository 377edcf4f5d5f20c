import EventBinding
import EventContracts
import PostgresClient
import SortedJSON
import TransactionalOutbox

/// What the index holds and should not, or does not hold and should.
extension Repairs {
    /// No version above it is believed: the next one must fit in.
    private static let versionLimit = Int64.max >> 1

    /// Tells the file again under a new version. The event of the present one would change nothing: the index remembers it for days,
    /// and its version fence keeps it out for good.
    func reindex(
        _ item: RepairItem,
        _ sight: RepairSight,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        guard let id = item.fileID, let file = try await FileStore.lock(id, in: tx) else {
            return .skip("there is no such file; choose adopt or tombstone")
        }
        guard file.version == item.rowVersion else {
            return .skip("the file has moved on: version \(file.version)")
        }
        let entry: IndexEntry?
        switch sight {
        case .entry(let found, hasObject: _): entry = found
        case .unknown(let reason): return .wait(reason)
        case .nothing, .object, .multipart, .genuine, .adoptable, .read:
            return .skip("nothing that the index holds")
        }
        let now = CheckedFile(
            id: id,
            tenant: file.tenant,
            state: file.state,
            version: file.version,
            isSettled: true
        )
        guard let wrong = IndexVerdict.of(now, entry) else {
            return .skip("the index holds what the file is")
        }
        let heard = entry?.version ?? 0
        guard heard < Self.versionLimit else { return .skip("no version is above that of the index") }
        guard let told = try await FileStore.retell(file, above: heard, in: tx) else {
            return .skip("the file has moved on")
        }
        try Outbox.append(told.stateEvent, in: tx)
        return .done(
            "told again as version \(told.version): \(wrong.detail)",
            before: try ShadowRow(file).encoded(),
            after: try ShadowRow(told).encoded(),
            version: told.version
        )
    }

    /// Tells consumers that a file which has no row is gone for good, above whatever version they know. Only where nothing is left to
    /// make a row of: what they knew of the file is then nowhere any more.
    func tombstone(
        _ item: RepairItem,
        _ sight: RepairSight,
        in tx: borrowing Transaction
    ) async throws -> RepairVerdict {
        guard let id = item.fileID else { return .skip("the finding names no file") }
        let entry: IndexEntry
        switch sight {
        case .entry(let found?, hasObject: false): entry = found
        case .entry(_?, hasObject: true): return .skip("its object is there: adopt it")
        case .unknown(let reason): return .wait(reason)
        case .entry(nil, hasObject: _), .nothing, .object, .multipart, .genuine, .adoptable, .read:
            return .skip("the index does not know the file any more")
        }
        guard entry.state != .purged else { return .skip("the index holds a tombstone already") }
        guard try await FileStore.lock(id, in: tx) == nil else { return .skip("the file exists: reindex it") }
        guard try await !RepairSourceStore.isReserved(id, in: tx) else {
            return .skip("an upload has the file's id")
        }
        guard entry.version < Self.versionLimit, let tenant = entry.tenant, let owner = entry.owner else {
            return .skip("the index does not say enough of the file")
        }
        let (version, instant) = try await RepairSourceStore.version(above: entry.version, in: tx)
        let event = FileEvent(
            fileID: id,
            version: version,
            tenant: tenant,
            owner: owner,
            occurredAt: instant,
            detail: .purged
        )
        try Outbox.append(event, in: tx)
        return .done(
            "told as gone for good, version \(version)",
            before: try SortedJSON.text(of: entry),
            after: nil,
            version: version
        )
    }
}
