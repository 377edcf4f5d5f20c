import SagaEngine

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import class FoundationEssentials.JSONEncoder

/// What a saga of this service is to do, as it is stored with the saga.
protocol SagaOrder: Codable, Sendable {}

extension SagaOrder {
    func encoded() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }

    init(_ claim: SagaClaim) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(claim.context.utf8))
    }
}
