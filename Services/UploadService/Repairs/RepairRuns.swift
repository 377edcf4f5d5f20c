import Determinism
import EventBinding
import Logging
import PostgresClient
import ServiceLifecycle
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// Goes on with plans whose run or undo was interrupted, and asks again where the cleanup consumer has not answered. Any
/// number may run: the lease lets one of them work.
struct RepairRuns: Service {
    let repairs: Repairs
    let interval: Duration
    /// After this long without an answer an order is told again.
    let patience: Duration
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger

    private static let actor = "upload-service"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await goOn()
                try? await time.sleep(for: interval / 2 + random.jitter(upTo: interval))
            }
        }
    }

    func goOn() async {
        do {
            for id in try await RepairPlanStore.open(on: repairs.pool) { await goOn(id) }
            try await askAgain()
        } catch {
            logger.warning("repairs could not go on", metadata: ["error": "\(error)"])
        }
    }

    /// One that cannot go on does not hold up the others.
    private func goOn(_ id: UUID) async {
        do throws(RepairFailure) {
            let plan = try await repairs.outcome(of: id).plan
            switch plan.state {
            case .running: _ = try await repairs.run(id, by: plan.startedBy ?? Self.actor, confirm: nil)
            case .undoing: _ = try await repairs.undo(id, by: plan.startedBy ?? Self.actor)
            case .planned, .done, .stopped, .undone: break
            }
        } catch {
            // Somebody is at it.
            if case .busy = error { return }
            logger.warning("a repair could not go on", metadata: ["plan": "\(id.text)", "error": "\(error)"])
        }
    }

    private func askAgain() async throws {
        let (pool, doorbell) = (repairs.pool, repairs.doorbell)
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            tx.afterCommit { doorbell.ring() }
            for item in try await RepairItemStore.unanswered(for: patience, limit: 100, in: tx) {
                guard let order = item.order,
                    let event = item.orderEvent(order, isUndo: item.state == .undoing)
                else { continue }
                try Outbox.append(event, in: tx)
                try await RepairItemStore.noteAsked(item, in: tx)
            }
        }
    }
}
