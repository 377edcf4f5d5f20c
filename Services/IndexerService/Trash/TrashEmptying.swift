import AuditTrail
import Determinism
import EventContracts
import Logging
import ObjectStore
import PostgresClient
import ServiceLifecycle
import ServiceParts

/// Removes for good what has lain in the trash for its time. Any number may run.
///
/// Only what the table names is removed, never what a listing shows; and only when both the database's clock and the store's
/// say that its time is over.
struct TrashEmptying: Service {
    let interval: Duration
    let retention: Duration
    let pool: PostgresPool
    let store: any ObjectStore
    let bucket: BucketIdentity
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger

    private let batchLimit = 100

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await emptyBatch() } catch {
                    logger.warning("the trash could not be emptied", metadata: ["error": "\(error)"])
                }
                try? await time.sleep(for: interval / 2 + random.jitter(upTo: interval))
            }
        }
    }

    /// Nothing in safe mode: the database may have forgotten that something was taken back.
    func emptyBatch() async throws {
        guard try await !SafeMode.isOn(on: pool) else { return }
        for due in try await TrashStore.due(after: retention, limit: batchLimit, on: pool) {
            try await bucket.confirm()
            if try await mayGo(due) { try await remove(due) }
        }
    }

    private func mayGo(_ due: TrashStore.Due) async throws -> Bool {
        guard TrashKey(due.trashKey, plan: due.planID, objectKey: due.objectKey) != nil else { return false }
        guard due.state != "EMPTYING", let facts = try await store.head(due.trashKey) else { return true }
        guard let written = facts.lastModified, time.now.duration(since: written) >= retention else {
            return false
        }
        // Should a file turn out to rest on it after all, this may be the last copy of its bytes.
        return try await !DocumentStore.isNamed(due.objectKey, on: pool)
    }

    private func remove(_ due: TrashStore.Due) async throws {
        if due.state != "EMPTYING" {
            let isMine = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
                guard try await TrashStore.noteEmptying(due, in: tx) else { return false }
                let entry = AuditEntry(
                    actor: TrashSaga.auditActor,
                    action: "trash.emptied",
                    subject: due.trashKey,
                    reason: "plan \(due.planID.text): its time in the trash is over",
                    before: AuditEntry.object([
                        "object_key": due.objectKey, "trash_key": due.trashKey, "state": due.state,
                    ])
                )
                try await AuditTrail.append(entry, in: tx)
                return true
            }
            guard isMine else { return }
        }
        try await store.delete(due.trashKey)
        try await TrashStore.noteEmptied(due, on: pool)
    }
}
