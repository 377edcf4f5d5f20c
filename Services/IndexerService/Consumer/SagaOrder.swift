import Determinism
import EventContracts
import SagaEngine
import SortedJSON

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import struct FoundationEssentials.UUID

/// What a saga of this service is to do, as it is stored with the saga.
protocol SagaOrder: Codable, Sendable {
    var fileID: UUID { get }
    /// The version of the event that asked for the saga, and is answered.
    var version: Int64 { get }
    var tenant: String { get }
    var owner: String { get }
}

extension SagaOrder {
    func answer(_ detail: FileEvent.Detail, at instant: Timestamp) -> FileEvent {
        FileEvent(
            fileID: fileID,
            version: version,
            tenant: tenant,
            owner: owner,
            occurredAt: instant,
            detail: detail
        )
    }

    func encoded() throws -> String { try SortedJSON.text(of: self) }

    init(_ claim: SagaClaim) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(claim.context.utf8))
    }
}
