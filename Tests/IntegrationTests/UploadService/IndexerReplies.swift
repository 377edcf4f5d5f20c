import Determinism
import EventContracts
import FaultPoints
import Foundation
import PostgresClient

@testable import UploadService

extension ServiceUnderTest {
    /// Applies an answer of the indexer as the consumer does.
    func reply(to id: String, version: Int64, _ detail: FileEvent.Detail) async throws {
        guard let fileID = UUID(uuidString: id) else { return }
        let event = FileEvent(
            fileID: fileID,
            version: version,
            tenant: "acme",
            owner: "ann",
            occurredAt: wiring.surroundings.time.now,
            detail: detail
        )
        let handler = IndexReplies(doorbell: wiring.doorbell, faults: NoFaults())
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            try await handler.apply([event], in: tx)
        }
    }

    func removedBytes(of id: String) async throws -> RemovedBytes {
        let row = try await pool.query(
            "SELECT object_key FROM files WHERE id = $1",
            UUID(uuidString: id) ?? UUID()
        )
        return RemovedBytes(objectKey: try row.first?.text(0) ?? "", versionsRemoved: 1)
    }
}
