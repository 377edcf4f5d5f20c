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
    let makePublisher: @Sendable (_ leader: TickLeader) async throws -> Publisher
    let wakeUp: WakeUp
    let rotation: TickStore.RotationLimits
    let time: any TimeSource
    let faults: any Faults
    let figures: RelayFigures
    let logger: Logger

    /// The longest an event waits when its ring was lost.
    var pollInterval = Duration.milliseconds(100)
    /// A tick that had this many rows is followed by the next one no sooner than `tickInterval` after it began: each costs
    /// two commits, which compete with those of the writers. Below, events go out as soon as they can.
    private let manyRows = 64
    private let tickInterval = Duration.milliseconds(20)
    /// How often requests and the turn of the partitions are looked after, however busy the outbox is.
    private let tidyInterval = Duration.seconds(1)
    /// What is under way when the process is asked to stop gets this long.
    private let drainLimit = Duration.seconds(5)

    /// Returns when asked to stop: what is under way is drained, and the lease released so that another process can
    /// lead at once.
    func run() async throws {
        var failureCount = 0
        while !mustStop() {
            guard let held = await acquire() else {
                await pause(for: lease.ttl / 8)
                continue
            }
            let ending = await lead(under: held)
            // What was led is led on under a new epoch only: the outbox, or the whole server, is another's by now.
            if ending == .fenced { try? await lease.release() }
            failureCount = ending == .well ? 0 : min(failureCount + 1, 5)
            await pause(for: min(.milliseconds(50 << failureCount), lease.ttl / 8))
        }
        try? await lease.release()
    }

    private enum Ending { case well, failed, fenced }

    private var mustStop: @Sendable () -> Bool { { Task.isCancelled || Task.isShuttingDownGracefully } }

    private func pause(for duration: Duration) async {
        await cancelWhenGracefulShutdown { try? await time.sleep(for: duration) }
    }

    private func acquire() async -> Lease? {
        do {
            return try await lease.acquireOrRenew()
        } catch {
            figures.record(failure: "\(error)")
            return nil
        }
    }

    /// Leads until the lease is lost, the database or the producer fails, or the process is asked to stop.
    ///
    private func lead(under held: Lease) async -> Ending {
        logger.info("leading", metadata: ["outbox": "\(outbox)", "epoch": "\(held.epoch)"])
        figures.isLeader = true
        defer { figures.isLeader = false }
        return await withTaskGroup(of: Ending.self) { group in
            group.addTask { await publishUntilTrouble(epoch: held.epoch) }
            group.addTask {
                await lease.keep()
                return .failed
            }
            group.addTask {
                do { try await gracefulShutdown() } catch { return .well }
                try? await time.sleep(for: drainLimit)
                return .well
            }
            let ending = await group.next() ?? .well
            group.cancelAll()
            return ending
        }
    }

    private func publishUntilTrouble(epoch: Int64) async -> Ending {
        do {
            let position = try await ticks.adopt(epoch: epoch)
            let publisher = try await makePublisher(position.leader)
            let result = await Result { try await publish(from: position, with: publisher) }
            await publisher.close()
            try result.get()
            return .well
        } catch {
            guard !Task.isCancelled else { return .well }
            figures.record(failure: "\(error)")
            logger.warning("relay interrupted", metadata: ["outbox": "\(outbox)", "error": "\(error)"])
            return error as? TickFailure == .fenced ? .fenced : .failed
        }
    }

    private func publish(from start: TickPosition, with publisher: Publisher) async throws {
        var position = start
        var pause = Duration.milliseconds(1)
        var tidyAt = time.uptime
        while !mustStop() {
            if position.to == nil {
                if time.uptime >= tidyAt {
                    try await tidyUp(publisher, position.leader)
                    tidyAt = time.uptime + tidyInterval
                }
                try faults.reach(.beforeTickPersisted)
                guard let next = try await ticks.begin(after: position) else {
                    await wakeUp.wait(upTo: pause)
                    pause = min(pause * 2, pollInterval)
                    continue
                }
                try faults.reach(.afterTickPersisted)
                position = next
            }
            pause = .milliseconds(1)
            let nextAt = time.uptime + tickInterval
            guard let tick = try await publisher.publish(position, until: mustStop) else { return }
            position = tick.end
            let early = nextAt - time.uptime
            if tick.rowCount >= manyRows, early > .zero { await self.pause(for: early) }
        }
    }

    /// Between two ticks: what operators asked for, and the turn of the partitions.
    private func tidyUp(_ publisher: Publisher, _ leader: TickLeader) async throws {
        if let request = try await ticks.nextRequest() {
            guard let result = try await publisher.serve(request, until: mustStop) else { return }
            try await ticks.finish(request.id, result: result, by: leader)
            logger.notice("request served", metadata: ["outbox": "\(outbox)", "result": "\(result)"])
        }
        try faults.reach(.beforeOutboxRotated)
        if let slot = try await ticks.rotate(epoch: leader.epoch, limits: rotation) {
            logger.info("partitions turned", metadata: ["outbox": "\(outbox)", "slot": "\(slot)"])
        }
        try faults.reach(.afterOutboxRotated)
    }
}

extension Publisher {
    /// - Returns: what to report, or nil when it stopped before the end.
    fileprivate func serve(
        _ request: OutboxRequest,
        until mustStop: @escaping @Sendable () -> Bool
    ) async throws -> String? {
        switch request.kind {
        case .republish:
            return try await republish(request, until: mustStop).map { "\($0) rows published again" }
        case .unpark:
            let (count, stillParked) = try await unpark(request.key)
            let rest = stillParked.isEmpty ? "" : "; still parked: \(stillParked.joined(separator: ", "))"
            return "\(count) rows published\(rest)"
        }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
