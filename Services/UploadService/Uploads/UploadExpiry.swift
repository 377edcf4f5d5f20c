import Determinism
import Logging
import PostgresClient
import SagaEngine
import ServiceLifecycle
import ServiceParts

/// Gives up uploads that have made no progress until their deadline. Any number may run.
///
/// Not in safe mode: an upload that looks abandoned may have become a file that a restored database has forgotten.
/// The same compare-and-set that completion uses decides which of the two comes first. Whoever still drives the upload finds
/// its saga gone and stops; what it has sent, or sends too late, is removed as that of any discarded upload.
struct UploadExpiry: Service {
    /// The pause once nothing overdue is left.
    let interval: Duration
    let pool: PostgresPool
    let reaping: ReapSaga
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger

    private let batchLimit = 100
    private let reason = "no byte came until the deadline"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if await expireBatch() { continue }
                try? await time.sleep(for: interval / 2 + random.jitter(upTo: interval))
            }
        }
    }

    /// - Returns: whether there may be more.
    private func expireBatch() async -> Bool {
        do {
            let count = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Int in
                if try await SafeMode.isOn(in: tx) { return 0 }
                let expired = try await UploadStore.expire(reason: reason, limit: batchLimit, in: tx)
                for (upload, discard) in expired {
                    try await reaping.begin(upload, discard, in: tx)
                    try await SagaStore.remove(kind: UploadSaga.kind, subject: upload.uploadID, in: tx)
                }
                return expired.count
            }
            if count > 0 { logger.notice("uploads expired", metadata: ["count": "\(count)"]) }
            return count == batchLimit
        } catch {
            logger.warning("overdue uploads could not be expired", metadata: ["error": "\(error)"])
            return false
        }
    }
}

extension UploadExpiry {
    init(_ surroundings: Surroundings, _ sagas: Sagas) {
        self.init(
            interval: surroundings.limits.expiryInterval,
            pool: surroundings.pool,
            reaping: sagas.reaps,
            time: surroundings.time,
            random: surroundings.random,
            logger: surroundings.makeLogger("expiry")
        )
    }
}
