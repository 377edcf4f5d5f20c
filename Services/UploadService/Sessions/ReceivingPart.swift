import Determinism
import Digests
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine

import struct FoundationEssentials.UUID

/// A part this service has stored.
struct ReceivedPart: Sendable {
    let number: Int
    let size: Int64
    let sha256: Digest256
}

/// A part whose bytes come through this service.
///
/// One request at a time sends a part: its claim is renewed while bytes go by, and runs out when its process dies. The same bytes
/// again are a success and change nothing; other bytes are refused and change nothing.
extension UploadSessions {
    func receive(
        part number: Int,
        _ source: UploadSource,
        declared: Digest256?,
        of session: UploadSession
    ) async throws(SessionFailure) -> ReceivedPart {
        try requireOpen(session)
        guard let size = session.plan.length(of: number) else {
            throw .noSuchPart(count: session.plan.partCount)
        }
        if let length = source.length, length != size {
            throw .partSizeMismatch(number: number, expected: size, received: length)
        }
        guard let admission = budget.admit(session.upload.tenant) else { throw .busy }
        defer { withExtendedLifetime(admission) {} }
        // A claim that has run out is somebody else's: what came from this one then would overwrite theirs.
        let signOfLife = SignOfLife(limit: heartbeat.lease, time: time)
        let body = TalliedBody(
            source,
            limit: size,
            expecting: ExpectedBody(size: size, sha256: declared),
            signOfLife: signOfLife
        )
        let claim = PartStore.Claim(
            upload: session.upload.id,
            number: number,
            id: UUID.version7(at: time.now, from: random)
        )
        if let stored = try await self.claim(claim, session) {
            return try await heartbeat.whileRenewing(signOfLife) {
                true
            } _: {
                await result { () throws(SessionFailure) in try await compare(body, with: stored, claim, size)
                }
            }.get()
        }
        let outcome = await heartbeat.whileRenewing(signOfLife) {
            guard try await PartStore.renew(claim, lease: heartbeat.lease, on: pool) else { return false }
            return try await UploadStore.renew(claim.upload, expiry: limits.expiry, on: pool)
        } _: {
            await result { () throws(SessionFailure) in try await send(body, claim, size, session) }
        }
        if case .failure = outcome { try? await PartStore.release(claim, on: pool) }
        return try outcome.get()
    }

    /// - Returns: the digest of the part when it is stored already; nil when the claim stands.
    private func claim(
        _ claim: PartStore.Claim,
        _ session: UploadSession
    ) async throws(SessionFailure) -> Digest256? {
        try await transaction { tx in
            guard try await UploadStore.noteBytes(of: claim.upload, expiry: limits.expiry, in: tx) else {
                throw try await closed(session, in: tx)
            }
            if try await PartStore.claim(claim, lease: heartbeat.lease, in: tx) { return nil }
            guard let stored = try await PartStore.digest(of: claim.number, of: claim.upload, in: tx) else {
                throw SessionFailure.partArriving(claim.number)
            }
            return stored
        }
    }

    /// Why nothing more can be done to the session.
    func closed(_ session: UploadSession, in tx: borrowing Transaction) async throws -> SessionFailure {
        guard let state = try await UploadStore.lockState(of: session.upload.id, in: tx) else {
            return .notFound
        }
        return state == .completing ? .completing : .illegal(state)
    }

    private func send(
        _ body: TalliedBody,
        _ claim: PartStore.Claim,
        _ size: Int64,
        _ session: UploadSession
    ) async throws(SessionFailure) -> ReceivedPart {
        let (_, multipartID) = try await withMultipart(session)
        let etag: String
        do {
            try faults.reach(.beforePartSent)
            etag = try await withTaskExecutorPreference(body.executor) {
                try await store.uploadPart(
                    session.upload.objectKey.text,
                    uploadID: multipartID,
                    number: claim.number,
                    body: .stream(length: size, body),
                    checksum: session.checksum
                )
            }
            try faults.reach(.afterPartSent)
        } catch let failure as StoreFailure {
            if case .notFound("NoSuchUpload") = failure {
                try await noteLoss(of: multipartID, of: session)
                try requireOpen(try await reread(session))
                throw .partsUnknown
            }
            throw SessionFailure(part: claim.number, failure)
        } catch { throw .store(.outcomeUnknown(reason: "\(error)")) }
        guard let tally = body.tally else {
            throw .store(.unexpectedAnswer("a success before the body had ended"))
        }
        try await transaction { tx in
            guard
                try await UploadStore.noteBytes(
                    of: claim.upload,
                    expiry: limits.expiry,
                    areStored: true,
                    in: tx
                )
            else { throw try await closed(session, in: tx) }
            guard try await PartStore.record(claim, sha256: tally.sha256, etag: etag, in: tx) else {
                throw SessionFailure.partArriving(claim.number)
            }
        }
        return ReceivedPart(number: claim.number, size: size, sha256: tally.sha256)
    }

    /// Reads the bytes without storing them.
    private func compare(
        _ body: TalliedBody,
        with stored: Digest256,
        _ claim: PartStore.Claim,
        _ size: Int64
    ) async throws(SessionFailure) -> ReceivedPart {
        do {
            try await withTaskExecutorPreference(body.executor) { for try await _ in body {} }
        } catch {
            throw SessionFailure(part: claim.number, .bodyFailed(error))
        }
        guard body.tally?.sha256 == stored else { throw .partDiffers(claim.number) }
        return ReceivedPart(number: claim.number, size: size, sha256: stored)
    }
}

private func result<Value>(
    _ body: () async throws(SessionFailure) -> Value
) async -> Result<Value, SessionFailure> {
    do { return .success(try await body()) } catch { return .failure(error) }
}
