import Determinism
import EventBinding
import EventContracts
import FaultPoints
import PostgresClient
import SagaEngine
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// A stored file becomes findable, or is found not to be what was acknowledged.
///
///     verify-and-index
///
/// The bytes are read back whole and hashed again, whoever brought them in; the first MiB is searched for text.
struct IndexSaga: Sendable {
    static let kind = "index.v1"

    let pool: PostgresPool
    let verifier: ObjectVerifier
    let doorbell: Doorbell
    let metrics: IndexerMetrics
    let faults: any Faults

    /// Which version of which file.
    struct Order: SagaOrder {
        let fileID: UUID
        let version: Int64
        let tenant: String
        let owner: String
        let file: StoredFile

        init(_ event: FileEvent, _ file: StoredFile) {
            fileID = event.fileID
            version = event.version
            tenant = event.tenant
            owner = event.owner
            self.file = file
        }
    }

    func steps() throws(MalformedSaga) -> Saga<Order> {
        try Saga(Self.kind, [Step("verify-and-index", .retriable, run: verifyAndIndex)])
    }

    private func verifyAndIndex(_ order: Order, _ handle: StepHandle) async throws(StepFailure) -> StepReceipt
    {
        try faults.step(.beforeObjectVerified)
        let verdict: ObjectVerifier.Verdict
        do {
            let isCurrent = try await DocumentStore.isCurrent(order.fileID, version: order.version, on: pool)
            guard isCurrent else { return .unrecorded }
            verdict = try await verifier.verify(order.file)
        } catch { throw .transient("\(error)") }
        try faults.step(.afterObjectVerified)
        try faults.step(.beforeIndexCommitted)
        let receipt = try await pool.withStepTransaction { tx in
            let doorbell = self.doorbell
            tx.afterCommit { doorbell.ring() }
            if let detail = try await write(verdict, order, in: tx) {
                try Outbox.append(order.answer(detail, at: try await tx.clock()), in: tx)
                let metrics = self.metrics
                tx.afterCommit { metrics.count(detail) }
            }
            return try await handle.record(in: tx)
        }
        try faults.step(.afterIndexCommitted)
        return receipt
    }

    /// - Returns: nil when the document has moved on: a missing object is then nobody's fault.
    private func write(
        _ verdict: ObjectVerifier.Verdict,
        _ order: Order,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> FileEvent.Detail? {
        switch verdict {
        case .genuine(let sha256, let byteCount, let text):
            let isCurrent = try await DocumentStore.index(
                order.fileID,
                version: order.version,
                name: order.file.name,
                text: text,
                sha256: sha256,
                in: tx
            )
            let indexed = IndexedFile(sha256: sha256, indexedBytes: byteCount, textKind: text.kind.rawValue)
            return isCurrent ? .indexed(indexed) : nil
        case .rejected(let rejection):
            let isCurrent = try await DocumentStore.reject(order.fileID, version: order.version, in: tx)
            return isCurrent ? .rejected(rejection) : nil
        }
    }
}
