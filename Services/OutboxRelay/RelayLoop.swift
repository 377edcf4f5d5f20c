import Determinism
import FaultPoints
import Leases
import Logging
import ServiceLifecycle
import TransactionalOutbox

/// Carries one outbox to Kafka: read a tick, produce it, await the acknowledgements, advance.
///
/// One leader per outbox, by a fenced lease; any number of processes may stand by. What it guarantees: every row
/// at least once, the rows of one key in order, and no row left behind. It never looks inside an event.
struct RelayLoop: Service {
    let outbox: String
    let ticks: TickStore
    let lease: LeaseKeeper
    let leaseTTL: Duration
    let makePublisher: @Sendable (_ epoch: Int64) async throws -> Publisher
    let wakeUp: WakeUp
    let time: any TimeSource
    let faults: any Faults
    let figures: RelayFigures
    let logger: Logger

    private let idlePauseLimit = Duration.milliseconds(100)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if let held = await acquire() { await lead(under: held) }
                try? await time.sleep(for: leaseTTL / 8)
            }
        }
        try? await lease.release()
    }

    private func acquire() async -> Lease? {
        do {
            return try await lease.acquireOrRenew()
        } catch {
            figures.record(failure: "\(error)")
            return nil
        }
    }

    /// Leads until the lease is lost, the database or the producer fails, or the task is cancelled.
    private func lead(under held: Lease) async {
        logger.info("leading", metadata: ["outbox": "\(outbox)", "epoch": "\(held.epoch)"])
        figures.isLeader = true
        defer { figures.isLeader = false }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await keepLease() }
            group.addTask { await publishUntilTrouble(epoch: held.epoch) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Returns when the lease may no longer be relied on.
    private func keepLease() async {
        while !Task.isCancelled {
            try? await time.sleep(for: leaseTTL / 8)
            _ = await acquire()
            guard await lease.current != nil else { return }
        }
    }

    private func publishUntilTrouble(epoch: Int64) async {
        do {
            let publisher = try await makePublisher(epoch)
            let result = await Result { try await publish(with: publisher, epoch: epoch) }
            await publisher.close()
            try result.get()
        } catch {
            guard !Task.isCancelled else { return }
            figures.record(failure: "\(error)")
            logger.warning("relay interrupted", metadata: ["outbox": "\(outbox)", "error": "\(error)"])
        }
    }

    private func publish(with publisher: Publisher, epoch: Int64) async throws {
        var position = try await ticks.adopt(epoch: epoch)
        var pause = Duration.milliseconds(1)
        while !Task.isCancelled {
            if position.to == nil {
                try faults.reach(.beforeTickPersisted)
                guard let next = try await ticks.begin(after: position.from, epoch: epoch) else {
                    if pause == idlePauseLimit { try await tidyUp(publisher, epoch: epoch) }
                    await wakeUp.wait(upTo: pause)
                    pause = min(pause * 2, idlePauseLimit)
                    continue
                }
                try faults.reach(.afterTickPersisted)
                position = next
            }
            pause = .milliseconds(1)
            try await publisher.publish(position)
            position = try await ticks.end(epoch: epoch)
        }
    }

    /// While there is nothing to publish: what operators asked for, and the turn of the partitions.
    private func tidyUp(_ publisher: Publisher, epoch: Int64) async throws {
        try await publisher.serveRequest()
        try faults.reach(.beforeOutboxRotated)
        if let slot = try await ticks.rotate(epoch: epoch, limits: .init()) {
            logger.info("partitions turned", metadata: ["outbox": "\(outbox)", "slot": "\(slot)"])
        }
        try faults.reach(.afterOutboxRotated)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
