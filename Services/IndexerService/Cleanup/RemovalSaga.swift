import Determinism
import EventBinding
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// The only code that deletes objects, and only those whose row was doomed before: its orders come from
/// `file.purging` and `upload.discarded`, each written in the transaction of a compare-and-set to a final state.
///
///     remove ─ look-again ─ report
///
/// A PUT that began before its deadline may land after it. So what was discarded is looked at twice, with the
/// longest time between in which a write can still be under way.
struct RemovalSaga: Sendable {
    static let kind = "removal.v1"

    let pool: PostgresPool
    let remover: ObjectRemover
    let doorbell: Doorbell
    let time: any TimeSource
    let faults: any Faults
    /// The longest time after which a write that was under way can still land.
    let late: Duration
    /// After so many failures in a row somebody is told.
    let alarmAttemptCount = 8

    func steps() throws(MalformedSaga) -> Saga<Order> {
        try Saga(
            Self.kind,
            [
                Step("remove", .retriable, run: remove),
                Step("look-again", .retriable, run: lookAgain),
                Step("report", .retriable, run: report),
            ]
        )
    }

    private func remove(_ order: Order, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        try await removeAll(order, handle)
        return .unrecorded
    }

    private func lookAgain(_ order: Order, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        guard order.uploadID != nil else { return .deferred }
        let absentFor = try await database { () throws(DatabaseError) in
            try await RemovalStore.absence(of: order.objectKey, on: pool)
        }
        guard let absentFor, absentFor >= late else {
            throw .waiting(late - (absentFor ?? .zero))
        }
        let isAbsent = try await store { () throws(StoreFailure) in
            try await remover.isAbsent(order.objectKey)
        }
        if isAbsent { return .deferred }
        try await removeAll(order, handle)
        throw .waiting(late)
    }

    private func report(_ order: Order, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt {
        try faults.step(.beforeRemovalReported)
        let receipt = try await pool.withStepTransaction { tx in
            let doorbell = self.doorbell
            tx.afterCommit { doorbell.ring() }
            let removal = try await RemovalStore.report(order.objectKey, in: tx)
            try await Outbox.append(order.removed(removal.versionCount, at: removal.at), in: tx)
            return try await handle.record(in: tx)
        }
        try faults.step(.afterRemovalReported)
        return receipt
    }

    /// Removes every version and every open multipart upload of exactly this key, and proves that nothing is left.
    private func removeAll(_ order: Order, _ handle: StepHandle) async throws(StepFailure) {
        guard ObjectKey(order.objectKey) != nil else { throw .definite("not a key of ours") }
        let isServed = try await database { () throws(DatabaseError) in
            try await DocumentStore.isServed(order.objectKey, after: order.version, on: pool)
        }
        if isServed { throw .definite("a newer version of the file is served from that key") }
        do {
            try faults.step(.beforeBytesDeleted)
            let count = try await store { () throws(StoreFailure) in
                try await remover.remove(order.objectKey, multipartID: order.multipartID)
            }
            try faults.step(.afterBytesDeleted)
            try await database { () throws(DatabaseError) in
                try await RemovalStore.recordAbsent(order, versionCount: count, on: pool)
            }
        } catch {
            if handle.attemptCount == alarmAttemptCount { await raiseAlarm(order, error, handle) }
            throw error
        }
    }

    private func raiseAlarm(_ order: Order, _ failure: StepFailure, _ handle: StepHandle) async {
        _ = try? await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            let at = try await tx.clock()
            try await Outbox.append(order.stalled("\(failure)", handle.attemptCount, at: at), in: tx)
        }
    }

    private func database<Value: Sendable>(
        _ body: () async throws(DatabaseError) -> Value
    ) async throws(StepFailure) -> Value {
        do { return try await body() } catch { throw .transient("\(error)") }
    }

    private func store<Value: Sendable>(
        _ body: () async throws(StoreFailure) -> Value
    ) async throws(StepFailure) -> Value {
        do { return try await body() } catch { throw .transient("object store: \(error)") }
    }
}
