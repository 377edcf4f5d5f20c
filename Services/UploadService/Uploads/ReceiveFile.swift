import Determinism
import Digests
import EventContracts
import Logging
import ObjectStore
import PostgresClient
import SagaEngine

import struct FoundationEssentials.UUID

/// A file somebody wants to store.
struct IncomingFile: Sendable {
    let name: FileName
    let contentType: ContentType
    let declaredSHA256: Digest256?
    let source: UploadSource
}

/// The single-request door: a body comes in, a stored file or a failure comes out.
struct ReceiveFile: Sendable {
    let saga: UploadSaga
    let runner: SagaRunner<UploadContext>
    let heartbeat: SagaHeartbeat
    let pool: PostgresPool
    let time: any TimeSource
    let random: any RandomSource
    let byteLimit: Int64
    let budget: TransferBudget
    /// Longer bodies are sent in parts, whose bytes wait in memory.
    let streamLimit: Int64

    /// Stores the file. Returns only when it is committed, so that a success is never untrue later.
    ///
    /// - Parameter keyed: stores the answer in the same transaction.
    func receive(
        _ file: IncomingFile,
        of owner: Owner,
        _ keyed: KeyedAnswer<File>? = nil
    ) async throws(UploadFailure) -> File {
        if let length = file.source.length, length > byteLimit { throw .tooLarge(limit: byteLimit) }
        guard let admission = budget.admit(owner.tenant, partMemory: partMemory(of: file.source)) else {
            throw .busy
        }
        defer { withExtendedLifetime(admission) {} }
        let signOfLife = heartbeat.makeSignOfLife()
        let arriving = ArrivingUpload(
            try newUpload(file, of: owner),
            file.source,
            keyed,
            byteLimit: byteLimit,
            signOfLife: signOfLife
        )
        let context = UploadContext(arriving)
        let claim = try await saga.begin(arriving.upload)
        let deadline = UploadDeadline(of: arriving, expiry: saga.expiry, pool: pool)
        _ = await heartbeat.whileRenewing(claim, signOfLife) {
            guard try await deadline.renew() else { return false }
            guard let claim = keyed?.claim else { return true }
            return try await IdempotencyStore.renew(claim, lease: heartbeat.lease, on: pool)
        } _: {
            await runner.drive(claim, context)
        }
        if let stored = context.file { return stored }
        throw await named(context.failure ?? .lost, of: owner)
    }

    private func partMemory(of source: UploadSource) -> Int64 {
        if let length = source.length, length <= streamLimit { return 0 }
        return PartSizes.memory(ofAtMost: source.length ?? source.bound)
    }

    /// A new attempt: its ids and the key that is never used again.
    func newUpload(_ file: IncomingFile, of owner: Owner) throws(UploadFailure) -> Upload {
        do {
            return try Upload(
                of: owner,
                file.name,
                file.contentType,
                size: file.source.length,
                sha256: file.declaredSHA256,
                at: time.now,
                from: random
            )
        } catch { throw .database(error) }
    }

    /// Says which file has the name, when that is why.
    private func named(_ failure: UploadFailure, of owner: Owner) async -> UploadFailure {
        guard case .nameTaken(let name, nil) = failure else { return failure }
        let existing = try? await FileStore.find(name: name, of: owner, on: pool)
        return .nameTaken(name: name, existing: existing?.id)
    }
}
