import PostgresClient
import Synchronization

import struct FoundationEssentials.UUID

/// Moves the deadline of an upload on as long as its bytes go by. Without progress it stays where it is, although the
/// process that receives the upload lives.
final class UploadDeadline: Sendable {
    private let upload: UUID
    private let body: TalliedBody
    private let expiry: Duration
    private let pool: PostgresPool
    /// What had gone by when the deadline was last moved.
    private let renewedCount = Mutex<Int64>(0)

    init(of arriving: ArrivingUpload, expiry: Duration, pool: PostgresPool) {
        upload = arriving.upload.id
        body = arriving.body
        self.expiry = expiry
        self.pool = pool
    }

    /// - Returns: false when the upload is over: somebody has expired it.
    @Sendable func renew() async throws -> Bool {
        let count = body.byteCount
        guard count > renewedCount.withLock({ $0 }) else { return true }
        guard try await UploadStore.renew(upload, expiry: expiry, on: pool) else { return false }
        renewedCount.withLock { $0 = count }
        return true
    }
}
