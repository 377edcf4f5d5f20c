import Determinism
import EventBinding
import EventContracts
import FaultPoints
import PostgresClient
import SagaEngine
import ServiceParts
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// A file goes.
///
///     (delete) ─ purge ─ await-removal
///     undone by    pivot   retriable
///     restore
///
/// The saga begins in the transaction that puts the file in the trash, and sleeps until the retention is over.
/// From the pivot on it only goes forward: the cleanup consumer removes the bytes, and its answer ends the saga. In safe mode
/// both steps wait: the database may have forgotten that the file was restored.
struct DeleteSaga: Sendable {
    static let kind = "delete.v1"

    let pool: PostgresPool
    let time: any TimeSource
    let doorbell: Doorbell
    let faults: any Faults
    /// How long the removal may take before it is asked for again.
    let removalPatience: Duration

    func steps() throws(MalformedSaga) -> Saga<UUID> {
        try Saga(
            Self.kind,
            [
                Step("purge", .pivot, run: purge),
                Step("await-removal", .retriable, run: awaitRemoval),
            ]
        )
    }

    static func new(for file: File) -> NewSaga {
        NewSaga(id: file.id, kind: kind, subject: file.id, context: "{}")
    }

    private func purge(_ fileID: UUID, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        try faults.step(.beforePurgePivot)
        let receipt = try await pool.withStepTransaction { tx in
            let doorbell = self.doorbell
            tx.afterCommit { doorbell.ring() }
            try await SafeMode.hold(in: tx)
            guard let file = try await FileStore.startPurge(fileID, in: tx) else {
                throw try await reasonNotToPurge(fileID, in: tx)
            }
            try Outbox.append(file.stateEvent, in: tx)
            return try await handle.record(in: tx)
        }
        try faults.step(.afterPurgePivot)
        return receipt
    }

    private func reasonNotToPurge(_ fileID: UUID, in tx: borrowing Transaction) async throws -> StepFailure {
        guard let file = try await FileStore.lock(fileID, in: tx) else { return .definite("no such file") }
        switch file.state {
        case .deleted: return .waiting(.seconds(60))  // legal hold, or its time has not come
        case .available, .quarantined: return .definite("the file was restored")
        case .purging, .purged: return .lost  // an earlier attempt whose answer was lost
        }
    }

    /// The answer to `file.stateEvent` ends the saga (`IndexReplies`). This only asks again when none comes.
    private func awaitRemoval(_ fileID: UUID, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        let isPurged: Bool
        do {
            isPurged = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
                let doorbell = self.doorbell
                tx.afterCommit { doorbell.ring() }
                try await SafeMode.hold(in: tx)
                return try await askAgain(fileID, in: tx)
            }
        } catch .rolledBack(let failure as StepFailure) {
            throw failure
        } catch { throw .transient("\(error)") }
        if isPurged { return .unrecorded }
        throw .waiting(removalPatience)
    }

    /// - Returns: whether the file is purged.
    private func askAgain(_ fileID: UUID, in tx: borrowing Transaction) async throws -> Bool {
        guard let file = try await FileStore.lock(fileID, in: tx), file.state == .purging else { return true }
        // An order of an earlier epoch is void to the cleanup consumer.
        if let renewed = try await FileStore.renewPurge(fileID, in: tx) {
            try Outbox.append(renewed.stateEvent, in: tx)
        } else if time.now.duration(since: file.updatedAt) >= removalPatience {
            try Outbox.append(file.stateEvent, in: tx)
        }
        return false
    }
}
