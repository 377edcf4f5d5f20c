import Determinism
import EventContracts
import FaultPoints
import ObjectStore
import PostgresClient
import SagaEngine

import struct FoundationEssentials.UUID

/// Uploads whose bytes come in many requests, or go straight to the store: opened, fed, completed, given up. The client may lose
/// any answer and repeat any request.
///
///     open ─ PENDING ─ receive part | sign URLs ─ ACTIVE ─ complete ─ COMPLETING ─ (CompleteSaga) ─ COMPLETED
///                             abort ─ ABORTED       deadline ─ EXPIRED
struct UploadSessions: Sendable {
    let pool: PostgresPool
    let store: any ObjectStore
    let budget: TransferBudget
    let heartbeat: SagaHeartbeat
    let completion: SagaRunner<CompleteContext>
    let reaping: ReapSaga
    let faults: any Faults
    let time: any TimeSource
    let random: any RandomSource
    let limits: SessionLimits

    /// URLs of one answer.
    static let urlCountLimit = 1_000

    /// The caller's session.
    func find(_ id: UUID, of owner: Owner) async throws(SessionFailure) -> UploadSession {
        let found: UploadSession?
        do { found = try await UploadStore.session(id, of: owner, on: pool) } catch { throw .database(error) }
        guard let found else { throw .notFound }
        return found
    }

    /// As the row says by now; what another request did meanwhile decides.
    func reread(_ session: UploadSession) async throws(SessionFailure) -> UploadSession {
        let found: UploadSession?
        do { found = try await UploadStore.session(session.upload.id, on: pool) } catch {
            throw .database(error)
        }
        guard let found else { throw .notFound }
        return found
    }

    /// - Throws: unless parts may still come.
    func requireOpen(_ session: UploadSession) throws(SessionFailure) {
        switch session.state {
        case .pending, .active: return
        case .completing: throw .completing
        case .completed, .failed, .aborted, .expired, .reaped: throw .illegal(session.state)
        }
    }

    /// A transaction whose failures are a session's.
    func transaction<Value: Sendable>(
        _ body: (borrowing Transaction) async throws -> Value
    ) async throws(SessionFailure) -> Value {
        do {
            return try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Value in
                try await body(tx)
            }
        } catch { throw SessionFailure(error) }
    }
}

/// How long and how much a session may be.
struct SessionLimits: Sendable {
    /// The largest file, in bytes, whatever the store could hold.
    var byteLimit: Int64
    /// After this long without progress a session is given up.
    var expiry: Duration
    /// How long a presigned URL can be used.
    var urlLifetime: Duration
    /// For so long a store may say that it does not know a session's multipart upload before that is believed.
    var lossPatience: Duration
}

extension UploadSessions {
    init(
        _ surroundings: Surroundings,
        _ sagas: Sagas,
        _ heartbeat: SagaHeartbeat,
        _ completion: SagaRunner<CompleteContext>
    ) {
        let limits = surroundings.limits
        self.init(
            pool: surroundings.pool,
            store: surroundings.store,
            budget: surroundings.budget,
            heartbeat: heartbeat,
            completion: completion,
            reaping: sagas.reaps,
            faults: surroundings.faults,
            time: surroundings.time,
            random: surroundings.random,
            limits: SessionLimits(
                byteLimit: limits.byteLimit,
                expiry: limits.sessionExpiry,
                urlLifetime: limits.urlLifetime,
                lossPatience: limits.lossPatience
            )
        )
    }
}
