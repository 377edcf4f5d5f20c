import AuditTrail
import Determinism
import EventBinding
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// What can keep a file from being read or changed.
enum FileFailure: Error, Sendable {
    /// There is none, or it is not the caller's: the two cannot be told apart.
    case notFound
    /// Its bytes are not what was acknowledged: they are neither served nor restored.
    case quarantined
    /// Its bytes are gone or going.
    case purged
    /// It is not as the request demands. Nothing was changed.
    case unexpected
    /// The owner has another visible file of that name.
    case nameTaken(String)
    /// Another request with the same idempotency key took over. Nothing was changed.
    case overtaken
    /// As many transfers are under way as there may be.
    case busy
    /// An `AVAILABLE` file whose bytes the store does not give.
    case store(StoreFailure)
    /// Nothing was written.
    case database(DatabaseError)
    /// The commit's answer was lost. Both actions may be repeated safely.
    case outcomeUnknown
}

/// Deletes and restores. Each is one transaction: the row, its event and its saga.
struct FileActions: Sendable {
    let pool: PostgresPool
    let doorbell: Doorbell
    let faults: any Faults
    /// How long a deleted file stays restorable.
    let retention: Duration

    private struct Change {
        let file: File
        /// What the audit trail is to say of it.
        let record: AuditEntry?

        init(_ file: File, _ record: AuditEntry? = nil) { (self.file, self.record) = (file, record) }
    }

    /// Puts a file in the trash; deleting it again changes nothing and gives the same answer.
    ///
    /// - Parameters:
    ///   - isImmediate: do not wait for the retention: the bytes go now, for good.
    ///   - keyed: stores the answer in the same transaction.
    ///   - isExpected: asked with the row locked; false leaves the file as it is.
    func delete(
        _ id: UUID,
        of owner: Owner,
        isImmediate: Bool,
        _ keyed: KeyedAnswer<File>? = nil,
        if isExpected: @escaping @Sendable (File) -> Bool = { _ in true }
    ) async throws(FileFailure) -> File {
        let retention = isImmediate ? .zero : self.retention
        return try await change(id, of: owner, keyed, .beforeDeleteMarked, .afterDeleteMarked) { file, tx in
            guard isExpected(file) else { throw FileFailure.unexpected }
            switch file.state {
            case .available, .quarantined:
                guard let deleted = try await FileStore.delete(file, retention: retention, in: tx) else {
                    throw FileFailure.notFound
                }
                try Outbox.append(deleted.stateEvent, in: tx)
                try SagaStore.insert([DeleteSaga.new(for: deleted)], wakeAt: deleted.deleteAfter, in: tx)
                return Change(deleted, isImmediate ? try Self.purge(of: file, deleted, by: owner) : nil)
            case .deleted where isImmediate:
                guard let ended = try await FileStore.endRetention(of: file, in: tx) else {
                    return Change(file)
                }
                try Outbox.append(ended.stateEvent, in: tx)
                try await SagaStore.wake(kind: DeleteSaga.kind, subject: file.id, in: tx)
                return Change(ended, try Self.purge(of: file, ended, by: owner))
            case .deleted, .purging, .purged:
                return Change(file)
            }
        }
    }

    /// Who has the bytes go for good, and what they were. The canary's own file is nobody's: it goes once a minute.
    private static func purge(of file: File, _ changed: File, by owner: Owner) throws -> AuditEntry? {
        guard owner != Canary.owner else { return nil }
        return AuditEntry(
            actor: "\(owner.tenant)/\(owner.name)",
            action: "file.purge",
            subject: file.id.text,
            reason: "asked for with purge",
            before: try ShadowRow(file).encoded(),
            after: try ShadowRow(changed).encoded()
        )
    }

    /// Takes a file out of the trash, as long as its time there is not over: an accepted purge is final. Restoring it again changes nothing. What was in
    /// quarantine does not come back this way: only an operator releases it.
    func restore(
        _ id: UUID,
        of owner: Owner,
        _ keyed: KeyedAnswer<File>? = nil
    ) async throws(FileFailure) -> File {
        try await change(id, of: owner, keyed, nil, nil) { file, tx in
            switch file.state {
            case .available: return Change(file)
            case .quarantined: throw FileFailure.quarantined
            case .purging, .purged: throw FileFailure.purged
            case .deleted where file.quarantineReason != nil: throw FileFailure.quarantined
            case .deleted:
                guard let restored = try await FileStore.restore(file, in: tx) else {
                    let isOver = try await FileStore.isRetentionOver(id, in: tx)
                    throw isOver ? FileFailure.purged : FileFailure.nameTaken(file.name)
                }
                try Outbox.append(restored.stateEvent, in: tx)
                try await SagaStore.remove(kind: DeleteSaga.kind, subject: file.id, in: tx)
                return Change(restored)
            }
        }
    }

    private func change(
        _ id: UUID,
        of owner: Owner,
        _ keyed: KeyedAnswer<File>?,
        _ before: FaultPoint?,
        _ after: FaultPoint?,
        _ body: (File, borrowing Transaction) async throws -> Change
    ) async throws(FileFailure) -> File {
        do {
            if let before { try faults.reach(before) }
            let file = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> File in
                let doorbell = self.doorbell
                tx.afterCommit { doorbell.ring() }
                guard let file = try await FileStore.lock(id, of: owner, in: tx) else {
                    throw FileFailure.notFound
                }
                let change = try await body(file, tx)
                try await keyed?.store(change.file, in: tx)
                // Everybody's entries queue up for it: after every other lock.
                if let record = change.record { try await AuditTrail.append(record, in: tx) }
                return change.file
            }
            if let after { try faults.reach(after) }
            return file
        } catch let failure as TransactionError<any Error> {
            throw FileFailure(failure)
        } catch { throw .outcomeUnknown }
    }
}

extension FileFailure {
    fileprivate init(_ failure: TransactionError<any Error>) {
        switch failure {
        case .rolledBack(let reason as FileFailure): self = reason
        case .rolledBack(let reason as DatabaseError): self = .database(reason)
        case .rolledBack(KeyFailure.overtaken): self = .overtaken
        case .rolledBack(let reason): self = .database(.unexpectedResult("\(reason)"))
        case .notStarted(let reason): self = .database(reason)
        case .commitRefused(let reason): self = .database(reason)
        case .commitOutcomeUnknown: self = .outcomeUnknown
        }
    }
}
