import Determinism
import PostgresClient
import SagaEngine

/// An upload that is to begin.
struct UploadIntent: Sendable {
    let upload: Upload
    let saga: NewSaga

    /// How the saga begins: the row and its key are reserved with it.
    static let log = [SagaEntry.started(0)]
}

/// The uploads of a tenant that come at the same moment begin in one transaction. Where the name is taken nothing is written, and that
/// is the answer.
typealias UploadIntents = SharedTransaction<String, UploadIntent, UploadFailure?>

extension UploadIntents {
    convenience init(on pool: PostgresPool, _ limits: UploadLimits) {
        self.init(on: pool, lockLimit: limits.sharedLockLimit) { intents, tx in
            let taken = try await UploadStore.reserve(intents.map(\.upload), expiry: limits.expiry, in: tx)
            try SagaStore.insert(
                intents.map(\.saga).filter { taken[$0.subject] == nil },
                log: UploadIntent.log,
                leaseMilliseconds: limits.sagaLease.wholeMilliseconds,
                in: tx
            )
            return intents.map { taken[$0.upload.id] }
        }
    }
}
