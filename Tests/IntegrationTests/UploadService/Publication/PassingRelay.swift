import PostgresClient
import TransactionalOutbox

/// A relay without Kafka: whatever it reads counts as acknowledged.
struct PassingRelay: Sendable {
    let pool: PostgresPool
    var rotation: TickStore.RotationLimits?

    /// Publishes everything there is.
    @discardableResult
    func pass() async throws -> [OutboxRow] {
        let ticks = TickStore(pool)
        var position = try await ticks.adopt(epoch: 1)
        var published: [OutboxRow] = []
        while true {
            if position.to == nil {
                if let rotation { _ = try await ticks.rotate(epoch: 1, limits: rotation) }
                guard let next = try await ticks.begin(after: position) else {
                    return published
                }
                position = next
            }
            var after = position.lastID
            while let last = try await read(position, after: after, into: &published) { after = last }
            position = try await ticks.end(position)
        }
    }

    private func read(
        _ position: TickPosition,
        after id: Int64,
        into published: inout [OutboxRow]
    ) async throws -> Int64? {
        let rows = try await TickStore(pool).page(of: position, after: id)
        published += rows
        return rows.last?.id
    }
}
