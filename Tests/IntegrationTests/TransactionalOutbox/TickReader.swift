import Determinism
import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import TransactionalOutbox

/// The relay's loop without Kafka: read a tick, append to the log, advance. It may die between any two steps.
struct TickReader: Sendable {
    struct Died: Error {}

    let world: OutboxWorld
    let log: FakeLog
    let epoch: Int64
    /// One step in so many is the last; 0 never dies.
    var deathRate: UInt64 = 0
    var rotation: TickStore.RotationLimits?
    /// Between reading a page and the log's having it.
    var produceLimit: UInt64 = 0
    var rotations = Counter()

    private var ticks: TickStore { TickStore(world.pool) }

    /// Reads until `isOver` and nothing is left.
    ///
    /// - Throws: `Died`, or `TickFailure.fenced` when somebody else has adopted a later epoch.
    func run(until isOver: @Sendable () -> Bool) async throws {
        var position = try await ticks.adopt(epoch: epoch)
        while true {
            if position.to == nil {
                let mayEnd = isOver()
                if let rotation, try await ticks.rotate(epoch: epoch, limits: rotation) != nil {
                    rotations.add()
                }
                try dieAtTimes()
                guard let next = try await ticks.begin(after: position) else {
                    if mayEnd { return }
                    try await world.time.sleep(for: .milliseconds(2))
                    continue
                }
                position = next
            }
            try await read(position)
            position = try await ticks.end(position)
            try dieAtTimes()
        }
    }

    private func read(_ position: TickPosition) async throws {
        var after = position.lastID
        while true {
            try dieAtTimes()
            // With few bytes most rows are larger than their share of a page.
            let limits = PageLimits(
                rowCount: 1 + Int(world.random.uniform(below: 40)),
                byteCount: 100 << Int(world.random.uniform(below: 17))
            )
            let rows = try await ticks.page(of: position, after: after, limits: limits)
            guard let last = rows.last else { return }
            try await produce(rows)
            try dieAtTimes()
            // As the relay does: a page that is not filled is the last.
            guard limits.areReached(by: rows) else { return }
            try await ticks.advance(position, to: last.id)
            after = last.id
        }
    }

    private func produce(_ rows: [OutboxRow]) async throws {
        if produceLimit > 0 {
            try await world.time.sleep(for: .microseconds(Int64(world.random.uniform(below: produceLimit))))
        }
        try dieAtTimes()
        // A dying relay may have got a part of its page out.
        guard deathRate > 0, world.random.uniform(below: deathRate) == 0 else { return log.append(rows) }
        log.append(Array(rows.prefix(Int(world.random.uniform(below: UInt64(rows.count))))))
        throw Died()
    }

    private func dieAtTimes() throws {
        if deathRate > 0, world.random.uniform(below: deathRate) == 0 { throw Died() }
    }
}

final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func add() { value.withLock { $0 += 1 } }
}

/// True from the moment somebody says so.
final class Latch: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}
